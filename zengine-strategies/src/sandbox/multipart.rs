//! The parts of a multipart body (RFC 2046).

use bytes::Bytes;

/// One part of a form.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) filename: Option<String>,
    pub(crate) mime: Option<String>,
    pub(crate) bytes: Bytes,
}

/// The boundary in the content type of a multipart body.
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    (kind.trim().to_ascii_lowercase().starts_with("multipart/") && !boundary.is_empty()).then_some(boundary)
}

/// Splits a multipart body; `None` if it is not well formed.
pub(crate) fn parts(body: &Bytes, boundary: &str) -> Option<Vec<Part>> {
    let delimiter = format!("--{boundary}");
    let mut at = find(body, delimiter.as_bytes(), 0)? + delimiter.len();
    let mut parts = Vec::new();
    loop {
        if body[at..].starts_with(b"--") {
            return Some(parts);
        }
        let head = at + b"\r\n".len();
        let head_end = find(body, b"\r\n\r\n", at)?;
        let start = head_end + b"\r\n\r\n".len();
        let end = find(body, format!("\r\n{delimiter}").as_bytes(), start)?;
        parts.push(part(std::str::from_utf8(body.get(head..head_end)?).ok()?, body.slice(start..end))?);
        at = end + b"\r\n".len() + delimiter.len();
    }
}

fn part(head: &str, bytes: Bytes) -> Option<Part> {
    let value = |wanted: &str| {
        head.split("\r\n")
            .find_map(|line| line.split_once(':').filter(|(name, _)| name.trim().eq_ignore_ascii_case(wanted)))
            .map(|(_, value)| value.trim())
    };
    let disposition = value("content-disposition")?;
    let quoted = |key: &str| {
        let parameter = disposition.split(';').map(str::trim).find_map(|piece| piece.strip_prefix(key))?;
        Some(parameter.strip_prefix('=')?.trim_matches('"').to_owned())
    };
    Some(Part { name: quoted("name")?, filename: quoted("filename"), mime: value("content-type").map(str::to_owned), bytes })
}

fn find(haystack: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    memchr::memmem::find(haystack.get(from..)?, needle).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multipart_bodies_are_split_with_binary_content() {
        let body = Bytes::from_static(
            b"--B\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n--B\r\ncontent-type: image/png\r\n\
              Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n\x00\r\n--\xff\r\n--B--\r\n",
        );
        let parts = parts(&body, "B").unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].name.as_str(), &parts[0].bytes[..]), ("messaging_product", &b"whatsapp"[..]));
        assert_eq!((parts[1].filename.as_deref(), parts[1].mime.as_deref()), (Some("a.png"), Some("image/png")));
        assert_eq!(&parts[1].bytes[..], b"\x00\r\n--\xff");
        assert!(super::parts(&body.slice(..body.len() - 9), "B").is_none());
        assert_eq!(boundary("multipart/form-data; charset=x; Boundary=\"B\""), Some("B"));
        assert_eq!(boundary("multipart/form-data"), None);
        assert_eq!(boundary("application/json; boundary=B"), None);
    }
}
