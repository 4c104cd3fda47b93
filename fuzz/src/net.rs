//! What streams are negotiated with.

use azmqtt_net::websocket::has_token;

/// Lists of tokens in fields of an HTTP head, one a line.
pub fn header_tokens(data: &[u8]) -> bool {
    let found = has_token(data.split(|byte| *byte == b'\n'), "upgrade");
    // Fields of one name are one list (RFC 9110 §5.3).
    let joined: Vec<u8> = data.iter().map(|byte| if *byte == b'\n' { b',' } else { *byte }).collect();
    assert_eq!(has_token([joined.as_slice()], "UPGRADE"), found);
    found
}
