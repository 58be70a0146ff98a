//! One line of the result.

use serde::Serialize;
use serde_json::{Map, Value};

/// A number that a row is held to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    /// The value, at most.
    AtMost(f64),
    /// The value, at least.
    AtLeast(f64),
    /// The ratio, at most.
    RatioAtMost(f64),
    /// The ratio, at least.
    RatioAtLeast(f64),
}

impl Bound {
    fn holds(self, row: &Row) -> Option<bool> {
        match self {
            Self::AtMost(limit) => Some(row.value <= limit),
            Self::AtLeast(limit) => Some(row.value >= limit),
            Self::RatioAtMost(limit) => row.ratio().map(|ratio| ratio <= limit),
            Self::RatioAtLeast(limit) => row.ratio().map(|ratio| ratio >= limit),
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(limit) => format!("<= {}", number(limit)),
            Self::AtLeast(limit) => format!(">= {}", number(limit)),
            Self::RatioAtMost(limit) => format!("ratio <= {}", number(limit)),
            Self::RatioAtLeast(limit) => format!("ratio >= {}", number(limit)),
        }
    }
}

/// One line of the result: a value, what others do in the same run, and what was promised.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    value: f64,
    unit: &'static str,
    /// In the row's own unit. The first one is what `ratio` divides by.
    peers: Vec<(&'static str, f64)>,
    must: Option<Bound>,
    stretch: Option<Bound>,
}

impl Row {
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, peers: vec![], must: None, stretch: None }
    }

    /// Adds a peer, measured in the same run and unit. The first one is what the ratio is taken of.
    pub(crate) fn peer(mut self, name: &'static str, value: f64) -> Self {
        self.peers.push((name, value));
        self
    }

    /// Limit that the row has to hold.
    pub(crate) fn must(mut self, bound: Bound) -> Self {
        self.must = Some(bound);
        self
    }

    /// Limit that it would be good to hold.
    pub(crate) fn stretch(mut self, bound: Bound) -> Self {
        self.stretch = Some(bound);
        self
    }

    fn ratio(&self) -> Option<f64> {
        self.peers.first().map(|(_, peer)| self.value / peer)
    }

    /// Whether the row holds what it must; `None` where nothing was promised.
    pub(crate) fn ok(&self) -> Option<bool> {
        self.must.and_then(|bound| bound.holds(self))
    }

    /// The line of `--json`.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string(&Line {
            row: &self.name,
            value: rounded(self.value),
            unit: self.unit,
            peers: self.peers.iter().map(|(name, value)| ((*name).to_owned(), rounded(*value).into())).collect(),
            ratio: self.ratio().map(rounded),
            must: self.must.map(Bound::text),
            stretch: self.stretch.map(Bound::text),
            ok: self.ok(),
        })
    }

    /// The cells of a table.
    pub(crate) fn cells(&self) -> [String; 8] {
        let bound = |bound: Option<Bound>| bound.map(Bound::text).unwrap_or_default();
        let peers: Vec<_> = self.peers.iter().map(|(name, value)| format!("{name} {}", number(*value))).collect();
        [
            self.name.clone(),
            number(self.value),
            self.unit.to_owned(),
            peers.join(", "),
            self.ratio().map(number).unwrap_or_default(),
            bound(self.must),
            bound(self.stretch),
            self.ok().map_or("", |ok| if ok { "yes" } else { "NO" }).to_owned(),
        ]
    }

    /// The names of the cells.
    pub(crate) const HEAD: [&str; 8] = ["row", "value", "unit", "peers", "ratio", "must", "stretch", "ok"];
}

#[derive(Serialize)]
struct Line<'a> {
    row: &'a str,
    value: f64,
    unit: &'a str,
    peers: Map<String, Value>,
    ratio: Option<f64>,
    must: Option<String>,
    stretch: Option<String>,
    ok: Option<bool>,
}

/// Three digits are all that a measurement is worth.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let digits = 2 - value.abs().log10().floor() as i32;
    let scale = 10f64.powi(digits.clamp(0, 9));
    (value * scale).round() / scale
}

fn number(value: f64) -> String {
    let text = rounded(value).to_string();
    // Thousands apart, where there are any.
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(whole, fraction)| (whole, Some(fraction)));
    let mut spaced = String::new();
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n).is_multiple_of(3) && whole.len() > 4 {
            spaced.push(' ');
        }
        spaced.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{spaced}.{fraction}"),
        None => spaced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_whether_it_holds() {
        let row = Row::new("r", 120.0, "ns").peer("bare", 100.0).must(Bound::RatioAtMost(1.35)).stretch(Bound::AtMost(100.0));
        assert_eq!(
            row.json().unwrap(),
            r#"{"row":"r","value":120.0,"unit":"ns","peers":{"bare":100.0},"ratio":1.2,"must":"ratio <= 1.35","stretch":"<= 100","ok":true}"#
        );
        assert!(Row::new("r", 1.0, "s").json().unwrap().ends_with(r#""ok":null}"#));
        assert_eq!(Row::new("r", 1.0, "s").must(Bound::AtLeast(2.0)).ok(), Some(false));
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!([123_456.0, 1.23456, 0.012_345, 0.0, 1234.5].map(number), ["123 456", "1.23", "0.0123", "0", "1235"]);
    }
}
