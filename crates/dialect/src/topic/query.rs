//! The `?$rid=…&$version=…` tail of twin and method topics.

use super::error::TopicError;

/// What the dialect reads from a query; anything else in it is ignored.
#[derive(Clone, Copy, Default)]
pub(super) struct Query<'a> {
    request_id: Option<&'a str>,
    version: Option<&'a str>,
}

impl<'a> Query<'a> {
    /// Parses what follows the `?`. The first of a repeated parameter counts; `$` may be encoded.
    pub(super) fn parse(text: &'a str) -> Self {
        let mut query = Self::default();
        for (name, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
            let slot = match name {
                "$rid" | "%24rid" => &mut query.request_id,
                "$version" | "%24version" => &mut query.version,
                _ => continue,
            };
            slot.get_or_insert(value);
        }
        query
    }

    pub(super) fn request_id(&self) -> Result<&'a str, TopicError> {
        self.request_id.filter(|rid| !rid.is_empty()).ok_or(TopicError::MissingRequestId)
    }

    pub(super) fn version(&self) -> Result<Option<u64>, TopicError> {
        self.version.map(|text| number(text, "$version")).transpose()
    }
}

/// A number in plain digits. (`str::parse` alone would take a leading `+`.)
pub(super) fn number<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, TopicError> {
    let plain = text.strip_prefix('-').unwrap_or(text).bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten().ok_or(TopicError::BadNumber(what))
}
