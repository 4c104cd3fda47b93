//! The few words of Azure Blob Storage that file upload needs: block ids, lists of blocks, errors (Azure Storage docs,
//! REST API: Put Block, Put Block List, Get Block List, status and error codes).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::encoding::excerpt;

/// Blocks that one blob can have.
pub const MAX_BLOCKS: usize = 50_000;

/// The version of the REST API, in `x-ms-version`.
pub const STORAGE_VERSION: &str = "2021-12-02";

/// The longest message kept from an error, in characters.
const MAX_MESSAGE: usize = 256;

/// The id of a block: its place and a digest of its content, in base64. A block that is found under this id is the
/// one that is wanted, whoever put it there. All ids are of one length, as the service demands.
pub fn block_id(index: usize, content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let mut id = [0; 24];
    id[..4].copy_from_slice(&u32::try_from(index).unwrap_or(u32::MAX).to_be_bytes());
    id[4..].copy_from_slice(&digest[..20]);
    STANDARD.encode(id)
}

/// The body of Put Block List.
pub fn block_list_body(ids: &[String]) -> String {
    let mut body = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
    for id in ids {
        body.push_str("<Latest>");
        body.push_str(id);
        body.push_str("</Latest>");
    }
    body.push_str("</BlockList>");
    body
}

/// Where Put Block List looks for a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockSource {
    /// Among the committed ones.
    Committed,
    /// Among those that were put since.
    Uncommitted,
    /// Among those that were put since, and then among the committed.
    Latest,
}

/// Reads the body of Put Block List; `None` if it is not one.
pub fn parse_block_list(body: &str) -> Option<Vec<(BlockSource, Cow<'_, str>)>> {
    if !body.contains("<BlockList") {
        return None;
    }
    let blocks = leaves(body).map(|(name, id)| {
        let source = match name {
            "Latest" => BlockSource::Latest,
            "Uncommitted" => BlockSource::Uncommitted,
            "Committed" => BlockSource::Committed,
            _ => return None,
        };
        Some((source, unescape(id)))
    });
    blocks.take(MAX_BLOCKS + 1).collect()
}

/// The answer to Get Block List for uncommitted blocks: ids and sizes in bytes.
pub fn uncommitted_body<'a>(blocks: impl Iterator<Item = (&'a str, usize)>) -> String {
    use std::fmt::Write;
    let mut body = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><CommittedBlocks /><UncommittedBlocks>",
    );
    for (id, size) in blocks {
        // Writing to a String cannot fail.
        let _ = write!(body, "<Block><Name>{}</Name><Size>{size}</Size></Block>", escape(id));
    }
    body.push_str("</UncommittedBlocks></BlockList>");
    body
}

/// The ids of the blocks in an answer to Get Block List, committed or not.
pub fn listed_blocks(body: &str) -> Vec<String> {
    let names = leaves(body).filter(|(name, _)| *name == "Name");
    names.map(|(_, id)| unescape(id).into_owned()).take(2 * MAX_BLOCKS).collect()
}

/// What Storage says about a refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageError {
    /// Such as `AuthenticationFailed`.
    pub code: Option<String>,
    /// The first line of the text for people.
    pub message: String,
}

impl StorageError {
    /// Reads an error body, whatever it holds. `header` is `x-ms-error-code`. Nothing that looks like a signature is
    /// kept.
    pub fn parse(header: Option<&str>, body: &[u8]) -> Self {
        // Errors are short; what follows is none of theirs.
        let text = String::from_utf8_lossy(&body[..body.len().min(16 << 10)]);
        let element = |name| leaves(&text).find(|(found, _)| *found == name).map(|(_, text)| unescape(text));
        let plain =
            |code: &&str| !code.is_empty() && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let code = element("Code");
        let code = header.filter(plain).or(code.as_deref().filter(plain)).map(|code| excerpt(code, 64));
        let message = element("Message").unwrap_or_default();
        let line = message.trim().lines().next().unwrap_or_default();
        let small = line.to_ascii_lowercase();
        let is_secret = ["sig=", "sig%3d"].iter().any(|mark| small.contains(mark));
        let message = if is_secret { String::new() } else { excerpt(line, MAX_MESSAGE) };
        Self { code, message }
    }

    /// The body that [`Self::parse`] reads.
    pub fn to_body(&self) -> String {
        let code = escape(self.code.as_deref().unwrap_or_default());
        let message = escape(&self.message);
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        )
    }
}

/// The elements that hold only text, with it, in order. Anything else is passed over.
fn leaves(xml: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = xml;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find('<')?;
            let after = &rest[start + 1..];
            let end = after.find('>')?;
            let tag = &after[..end];
            rest = &after[end + 1..];
            if tag.starts_with(['/', '?', '!']) || tag.ends_with('/') {
                continue;
            }
            let name = tag.split_ascii_whitespace().next()?;
            let close = rest.find('<')?;
            let closing = rest[close..].strip_prefix("</").and_then(|closing| closing.strip_prefix(name));
            if closing.is_some_and(|closing| closing.starts_with('>')) {
                let text = &rest[..close];
                rest = &rest[close..];
                return Some((name, text));
            }
        }
    })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    Cow::Owned(text.replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_tell_place_and_content() {
        let id = block_id(0, b"a");
        assert_eq!(id.len(), 32);
        assert_eq!(id, block_id(0, b"a"));
        assert_ne!(id, block_id(1, b"a"));
        assert_ne!(id, block_id(0, b"b"));
        assert_eq!(block_id(MAX_BLOCKS, b"").len(), 32);
    }

    #[test]
    fn an_error_as_the_service_writes_it() {
        let body =
            b"\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>AuthenticationFailed</Code>\
            <Message>Server failed to authenticate the request. Make sure.\nRequestId:1\nTime:2</Message>\
            <AuthenticationErrorDetail>Signature not valid: sig=AAAA</AuthenticationErrorDetail></Error>";
        let error = StorageError::parse(None, body);
        assert_eq!(error.code.as_deref(), Some("AuthenticationFailed"));
        assert_eq!(error.message, "Server failed to authenticate the request. Make sure.");
        assert_eq!(StorageError::parse(Some("ServerBusy"), b"").code.as_deref(), Some("ServerBusy"));
        for leak in ["?sig=AAAA", "?a=b&amp;Sig=AAAA", "https%3A%2F%2Fa%3Fsig%3DAAAA", "sig%3dAAAA"] {
            let body = format!("<Error><Message>bad {leak}</Message></Error>");
            let error = StorageError::parse(None, body.as_bytes());
            assert_eq!(error, StorageError { code: None, message: String::new() }, "{leak}");
        }
        let odd = StorageError::parse(Some("<b>"), b"<Error><Code>a b</Code></Error>");
        assert_eq!(odd.code, None);
    }

    #[test]
    fn lists_of_blocks() {
        let ids = ["YQ==".to_owned(), "Yg==".to_owned()];
        let list = block_list_body(&ids);
        let parsed = parse_block_list(&list).unwrap();
        assert_eq!(parsed, ids.each_ref().map(|id| (BlockSource::Latest, Cow::from(id.as_str()))));
        assert_eq!(parse_block_list("<BlockList />"), Some(Vec::new()));
        assert_eq!(parse_block_list("{}"), None);
        assert_eq!(parse_block_list("<BlockList><Evil>a</Evil></BlockList>"), None);
        let answer = uncommitted_body([("YQ==", 3), ("Yg==", 4)].into_iter());
        assert_eq!(listed_blocks(&answer), ids);
        assert!(listed_blocks("rubbish <Name> </Nome> < > <Name").is_empty());
    }

    proptest! {
        #[test]
        fn reading_is_total(text in "(<|>|/|Name|Code|&amp;|é|[a-z ]){0,60}", bytes: Vec<u8>) {
            listed_blocks(&text);
            parse_block_list(&text);
            StorageError::parse(None, &bytes);
        }

        #[test]
        fn an_error_goes_there_and_back(code in "[A-Za-z]{1,20}", message in "[a-z<>&; ]{0,40}") {
            let error = StorageError { code: Some(code), message: message.trim().to_owned() };
            prop_assert_eq!(StorageError::parse(None, error.to_body().as_bytes()), error);
        }
    }
}
