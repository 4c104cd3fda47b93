//! A change of the reported properties on its way out.

use bytes::Bytes;

use azmqtt_dialect::twin::{PatchTextError, Section, check_patch_text};

/// A JSON merge patch for the reported properties, within the service's limits: there is no other way to make one than
/// to have its text checked.
///
/// ```
/// use azmqtt_device::ReportedProperties;
///
/// assert!(ReportedProperties::from_json(r#"{"fan": {"speed": 3}}"#).is_ok());
/// assert!(ReportedProperties::from_json(r#"{"a.b": 3}"#).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedProperties(Bytes);

impl ReportedProperties {
    /// Checks `text`, a JSON object in UTF-8, in one pass, and keeps it as it is.
    ///
    /// # Errors
    /// [`PatchTextError`], which names the rule and where the text breaks it.
    pub fn from_json(text: impl Into<Bytes>) -> Result<Self, PatchTextError> {
        let text = text.into();
        check_patch_text(Section::Reported, &text)?;
        Ok(Self(text))
    }

    /// What it takes of the outbox, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.0.len()
    }

    /// The payload to publish; a clone of [`Bytes`] copies no text.
    pub(crate) fn payload(&self) -> Bytes {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azmqtt_dialect::twin::TwinRule;

    #[test]
    fn the_text_is_kept_as_it_is() {
        let text = Bytes::from_static(b" {\"a\" : 1.50} ");
        let patch = ReportedProperties::from_json(text.clone()).unwrap();
        assert_eq!((patch.payload().as_ptr(), patch.size()), (text.as_ptr(), text.len()));
    }

    #[test]
    fn no_patch_is_made_of_what_the_service_refuses() {
        for (text, rule) in [("[1]", TwinRule::NotAnObject), ("{\"$a\":1}", TwinRule::KeyCharacter('$'))] {
            match ReportedProperties::from_json(text) {
                Err(PatchTextError::Refused(error)) => assert_eq!(error.rule, rule),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(ReportedProperties::from_json("{\"a\":"), Err(PatchTextError::NotJson(_))));
        assert!(matches!(
            ReportedProperties::from_json(&b"{\"\xff\":1}"[..]),
            Err(PatchTextError::NotJson(_))
        ));
    }
}
