//! Reading of untrusted JSON: the properties of the fuzz target, over mutated inputs of a fixed seed.

#![allow(clippy::expect_used, reason = "a property that does not hold ends the test")]

mod properties;

/// Inputs per run.
const CASES: usize = 20_000;

/// Texts to start from.
const SEEDS: [&str; 8] = [
    r#"{"object":"account","entry":[{"id":"1","time":1760000000,"changes":[{"field":"messages","value":{"messages":[{"id":"m.1","from":"15550100001","text":{"body":"Hi \u00e9 \ud83d\ude00"}}]}}]}]}"#,
    r#"[{"a":1,"a":2,"\u0061":3,"b":null,"b":4},{"":{"":[]}},[[[[]]]]]"#,
    r#"{"n":[0,-0,1.10,-2.5e3,1E+9,1e-2,12345678901234567890123,1e308,1e999,0.1]}"#,
    "\u{feff}{\"x\" : [ true ,\tfalse,\r\n null ] }",
    r#""a string \" with \\ escapes \/ \b\f\n\r\t and \ud83d half a pair""#,
    r#"{"time":"1760000000.7","flag":"true","empty":"","long name that is longer than eight":"é\u007f€"}"#,
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    "17",
];

/// Pieces that matter to a reader of JSON.
const PIECES: [&[u8]; 24] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\\u",
    b"\\ud83d",
    b"\\ude00",
    b"null",
    b"true",
    b"-",
    b"0",
    b"1e",
    b".",
    b" ",
    b"\x00",
    b"\x1f",
    b"\xff",
    b"\xc3",
    b"\xe2\x82",
    b"\"a\":",
];

/// A generator of numbers (splitmix64): the same inputs on every machine and every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % most.max(1) as u64).expect("below a usize")
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let (from, to) = (self.below(input.len() + 1), self.below(input.len() + 1));
        let (from, to) = (from.min(to), from.max(to).min(from.min(to) + 40));
        match self.below(6) {
            0 => drop(input.splice(from..from, PIECES[self.below(PIECES.len())].iter().copied())),
            1 => drop(input.drain(from..to)),
            2 => {
                let part = input[from..to].to_vec();
                drop(input.splice(to..to, part));
            }
            3 => drop(input.splice(from..to, PIECES[self.below(PIECES.len())].iter().copied())),
            4 => {
                let other = SEEDS[self.below(SEEDS.len())].as_bytes();
                drop(input.splice(from..from, other.iter().copied()));
            }
            _ => {
                if let Some(byte) = input.get_mut(from) {
                    *byte ^= 1 << self.below(8);
                }
            }
        }
    }
}

#[test]
fn the_properties_of_the_fuzz_target_hold_for_mutated_inputs() {
    let mut numbers = Numbers(11);
    let mut read = 0;
    for _ in 0..CASES {
        let mut input = SEEDS[numbers.below(SEEDS.len())].as_bytes().to_vec();
        for _ in 0..numbers.below(4) {
            numbers.mutate(&mut input);
        }
        input.truncate(4096);
        read += usize::from(zengine_connector::json::Document::read(&zengine_connector::json::text_of(&input)).is_ok());
        properties::check(&input);
    }
    assert!((CASES / 4..CASES).contains(&read), "the inputs are JSON and nearly so: {read}");
}

#[test]
fn the_properties_hold_at_the_limits() {
    for input in ["[".repeat(100_000), "{\"a\":".repeat(100_000), format!("[{}0]", "0,".repeat(600_000)), "\"".repeat(100_001)] {
        properties::check(input.as_bytes());
    }
}
