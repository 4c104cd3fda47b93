//! Text in a buffer.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use bytes::Bytes;

/// Why bytes are not text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotText {
    /// They are not UTF-8 [MQTT-1.5.3-1, in 5 MQTT-1.5.4-1].
    NotUtf8,
    /// U+0000 is among them [MQTT-1.5.3-2, in 5 MQTT-1.5.4-2].
    HasNul,
}

/// `bytes` as the text of a packet (§1.5.3).
pub(crate) fn text_of(bytes: &[u8]) -> Result<&str, NotText> {
    if is_plain(bytes) {
        // SAFETY: ASCII is UTF-8.
        return Ok(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| NotText::NotUtf8)?;
    if bytes.contains(&0) { Err(NotText::HasNul) } else { Ok(text) }
}

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Whether `bytes` are ASCII without U+0000, as most texts are: eight at a time.
fn is_plain(bytes: &[u8]) -> bool {
    // A byte of 0 borrows a high bit, and one over 0x7F has one.
    let is_plain = |word: &[u8; 8]| {
        let word = u64::from_ne_bytes(*word);
        (word.wrapping_sub(ONES) | word) & HIGH_BITS == 0
    };
    let (words, rest) = bytes.as_chunks();
    words.iter().all(is_plain) && rest.iter().all(|byte| matches!(byte, 1..=0x7F))
}

/// Whether there is a wildcard in `text` (§4.7.1), which a topic name has not: eight bytes at a time.
pub(crate) fn has_wildcard(text: &str) -> bool {
    const PLUSES: u64 = u64::from_ne_bytes([b'+'; 8]);
    /// By which the two wildcards differ.
    const DIFFERENCES: u64 = u64::from_ne_bytes([b'+' ^ b'#'; 8]);
    let has_one = |word: &[u8; 8]| {
        // `+` has the bit that `#` lacks: both become bytes of 0, of which the lowest borrows a high bit that it has not.
        let word = (u64::from_ne_bytes(*word) | DIFFERENCES) ^ PLUSES;
        word.wrapping_sub(ONES) & !word & HIGH_BITS != 0
    };
    let (words, rest) = text.as_bytes().as_chunks();
    words.iter().any(has_one) || rest.iter().any(|byte| matches!(byte, b'+' | b'#'))
}

/// UTF-8 text that may be a part of a larger buffer, such as the one a packet was read into. A clone is cheap.
///
/// As a part it keeps the whole buffer in memory: what is kept for longer than a packet is handled, take as a `String`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(Bytes);

impl Text {
    /// `bytes` as text, without looking at them.
    ///
    /// # Safety
    /// They are UTF-8.
    pub(crate) unsafe fn from_utf8_unchecked(bytes: Bytes) -> Self {
        debug_assert!(std::str::from_utf8(&bytes).is_ok(), "text that is not UTF-8");
        Self(bytes)
    }

    /// Whether both are the same bytes in memory, which takes no look at them. Equal texts may be apart.
    pub fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.0.as_ref(), other.0.as_ref())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // SAFETY: every constructor is given UTF-8, and nothing changes the bytes.
        unsafe { std::str::from_utf8_unchecked(&self.0) }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into_bytes().into())
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.as_str().to_owned()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

/// As that of `str`, which [`Borrow`] asks for.
impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Text {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
