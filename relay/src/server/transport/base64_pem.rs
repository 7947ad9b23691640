//! Certificates and keys as files hold them: PEM (RFC 7468) around DER.
//!
//! Deliberately absent: encrypted keys, and keys in SEC 1 form, which the TLS library does not take here; `openssl
//! pkcs8 -topk8 -nocrypt` turns them into PKCS #8.

/// Every certificate of a chain, in the order of the file.
pub(super) fn certificates(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let found: Vec<Vec<u8>> =
        blocks(text).filter(|(label, _)| *label == "CERTIFICATE").map(|(_, der)| der).collect::<Result<_, _>>()?;
    if found.is_empty() { Err("it holds no certificate in PEM form".to_owned()) } else { Ok(found) }
}

/// The first private key of a file.
pub(super) fn private_key(text: &str) -> Result<Vec<u8>, String> {
    let labels = ["PRIVATE KEY", "RSA PRIVATE KEY"];
    let found = blocks(text).find(|(label, _)| labels.contains(label));
    found.ok_or("it holds no private key in PKCS #8 form (openssl pkcs8 -topk8 -nocrypt makes one)")?.1
}

fn blocks(text: &str) -> impl Iterator<Item = (&str, Result<Vec<u8>, String>)> {
    text.split("-----BEGIN ").skip(1).filter_map(|rest| {
        let (label, rest) = rest.split_once("-----")?;
        let (body, _) = rest.split_once("-----END ")?;
        Some((label, decode(body)))
    })
}

/// Base64 with the standard digits (RFC 4648, section 4), over lines.
fn decode(text: &str) -> Result<Vec<u8>, String> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut out, mut value, mut bits) = (Vec::new(), 0u32, 0);
    for c in text.bytes().filter(|c| !c.is_ascii_whitespace() && *c != b'=') {
        value = value << 6 | u32::from(digit(c).ok_or("a character that is no base64 stands in it")?);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((value >> bits) as u8);
            value &= (1 << bits) - 1;
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_by_their_labels() {
        let text = "x\n-----BEGIN CERTIFICATE-----\nAAEC\nAw==\n-----END CERTIFICATE-----\n\
                    -----BEGIN PRIVATE KEY-----\n/+8=\n-----END PRIVATE KEY-----\n";
        assert_eq!(certificates(text), Ok(vec![vec![0, 1, 2, 3]]));
        assert_eq!(private_key(text), Ok(vec![255, 239]));
        assert!(certificates("").is_err() && private_key("-----BEGIN EC PRIVATE KEY-----").is_err());
        assert!(certificates("-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----").is_err());
    }
}
