//! File upload, the hub's half: the bodies of `POST /devices/{id}/files` and `…/files/notifications` (IoT Hub docs,
//! "Upload files with IoT Hub").

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::encoding::excerpt;
use super::identity::check_host_name;

/// The longest blob name in characters, the device's id before it included (Azure Storage docs, "Naming and
/// referencing containers, blobs, and metadata").
const MAX_BLOB_NAME: usize = 1024;

/// The longest text taken for one field of an answer.
const MAX_FIELD: usize = 4096;

/// What stands as it is in the path of a URL (RFC 3986 §2.3), and the slash between its segments.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Why a blob cannot have this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobNameError(&'static str);

impl fmt::Display for BlobNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "blob_name {}", self.0)
    }
}

impl std::error::Error for BlobNameError {}

/// Checks the name that a device wants for its blob.
pub fn check_blob_name(device_id: &str, name: &str) -> Result<(), BlobNameError> {
    let refuse = |rule| Err(BlobNameError(rule));
    if name.is_empty() {
        refuse("must not be empty")
    } else if device_id.chars().count() + 1 + name.chars().count() > MAX_BLOB_NAME {
        refuse("must have at most 1,024 characters, the device id and a slash included")
    } else if name.chars().any(char::is_control) || name.contains('\\') {
        refuse("must not contain control characters or backslashes")
    } else if name.ends_with(['.', '/']) {
        refuse("must not end with a dot or a slash")
    } else if name.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        refuse("must not have a segment that is empty, '.' or '..'")
    } else {
        Ok(())
    }
}

/// Where a device may put a blob. `Debug` does not show the signature.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadTarget {
    /// What the notification names.
    pub correlation_id: String,
    /// The storage account's host; with a port where that is not 443.
    pub host_name: String,
    /// The container in it.
    pub container: String,
    /// `{device id}/{the name asked for}`
    pub blob_name: String,
    /// The query that allows it, without the question mark. A secret.
    pub sas: String,
}

impl UploadTarget {
    /// Reads a hub's answer. The error names the field and shows nothing of it.
    pub fn parse(body: &[u8]) -> Result<Self, &'static str> {
        let answer: Value = serde_json::from_slice(body).map_err(|_| "the answer is not JSON")?;
        let field = |name: &str, missing| {
            let text = answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.filter(|text| text.len() <= MAX_FIELD).map(str::to_owned).ok_or(missing)
        };
        let target = Self {
            correlation_id: field("correlationId", "the answer has no correlationId")?,
            host_name: field("hostName", "the answer has no hostName")?,
            container: field("containerName", "the answer has no containerName")?,
            blob_name: field("blobName", "the answer has no blobName")?,
            sas: field("sasToken", "the answer has no sasToken")?.trim_start_matches('?').to_owned(),
        };
        if target.host_and_port().is_none() {
            return Err("hostName is not a host name");
        }
        if target.sas.is_empty() || !target.sas.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
            return Err("sasToken is not a query");
        }
        Ok(target)
    }

    /// The body that [`Self::parse`] reads.
    pub fn to_body(&self) -> Vec<u8> {
        json!({
            "correlationId": self.correlation_id,
            "hostName": self.host_name,
            "containerName": self.container,
            "blobName": self.blob_name,
            "sasToken": format!("?{}", self.sas),
        })
        .to_string()
        .into_bytes()
    }

    /// The host to dial, and the port.
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        let (host, port) = match self.host_name.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0)?),
            None => (self.host_name.as_str(), 443),
        };
        check_host_name(host).ok().map(|()| (host, port))
    }

    /// The path and query of a request about the blob; `more` is appended to the query.
    pub fn path_and_query(&self, more: &str) -> String {
        let container = utf8_percent_encode(&self.container, PATH);
        let blob = utf8_percent_encode(&self.blob_name, PATH);
        let and = if more.is_empty() { "" } else { "&" };
        format!("/{container}/{blob}?{}{and}{more}", self.sas)
    }
}

impl fmt::Debug for UploadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadTarget")
            .field("host_name", &self.host_name)
            .field("container", &self.container)
            .field("blob_name", &self.blob_name)
            .finish_non_exhaustive()
    }
}

/// What a device says at the end of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadNotification {
    /// Of the upload.
    pub correlation_id: String,
    /// Whether the blob is there.
    pub is_success: bool,
    /// An HTTP status, by custom.
    pub status_code: i32,
    /// For people.
    pub status_description: String,
}

impl UploadNotification {
    /// The JSON body.
    pub fn to_body(&self) -> Vec<u8> {
        json!({
            "correlationId": self.correlation_id,
            "isSuccess": self.is_success,
            "statusCode": self.status_code,
            "statusDescription": self.status_description,
        })
        .to_string()
        .into_bytes()
    }

    /// Reads a body, whose correlation id may be in the path instead; `None` if it is not one.
    pub fn parse(body: &[u8], correlation_id: Option<String>) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let status_code = body.get("statusCode").and_then(Value::as_i64).unwrap_or_default();
        let in_body = || body.get("correlationId")?.as_str().map(str::to_owned);
        Some(Self {
            correlation_id: correlation_id.or_else(in_body)?,
            is_success: body.get("isSuccess")?.as_bool()?,
            status_code: i32::try_from(status_code).ok()?,
            status_description: excerpt(
                body.get("statusDescription").and_then(Value::as_str).unwrap_or_default(),
                MAX_FIELD,
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn target() -> UploadTarget {
        UploadTarget {
            correlation_id: "c".to_owned(),
            host_name: "account.blob.core.windows.net".to_owned(),
            container: "uploads".to_owned(),
            blob_name: "dev 1/a&b?.txt".to_owned(),
            sas: "sv=1&sig=secret%3D".to_owned(),
        }
    }

    #[test]
    fn a_target_goes_there_and_back_and_hides_its_signature() {
        let target = target();
        assert_eq!(UploadTarget::parse(&target.to_body()), Ok(target.clone()));
        assert_eq!(
            target.path_and_query("comp=block"),
            "/uploads/dev%201/a%26b%3F.txt?sv=1&sig=secret%3D&comp=block"
        );
        assert_eq!(target.host_and_port(), Some(("account.blob.core.windows.net", 443)));
        assert!(!format!("{target:?}").contains("secret"));
        let local = UploadTarget { host_name: "localhost:4711".to_owned(), ..target };
        assert_eq!(local.host_and_port(), Some(("localhost", 4711)));
    }

    #[test]
    fn answers_that_make_no_sense() {
        let bad = |field: &str, value: Value| {
            let mut body: Value = serde_json::from_slice(&target().to_body()).unwrap();
            body[field] = value;
            UploadTarget::parse(body.to_string().as_bytes()).unwrap_err()
        };
        assert_eq!(UploadTarget::parse(b"<html>"), Err("the answer is not JSON"));
        assert_eq!(UploadTarget::parse(b"[]"), Err("the answer has no correlationId"));
        assert_eq!(bad("hostName", json!("a host")), "hostName is not a host name");
        assert_eq!(bad("hostName", json!("host:0")), "hostName is not a host name");
        assert_eq!(bad("sasToken", json!("?sig=a b")), "sasToken is not a query");
        assert_eq!(bad("sasToken", json!("sig\r\nX-Evil: 1")), "sasToken is not a query");
        assert_eq!(bad("blobName", json!(7)), "the answer has no blobName");
    }

    #[test]
    fn names_of_blobs() {
        for good in ["a", "logs/2026/11.txt", "é 1.txt", ".hidden", "..x"] {
            assert_eq!(check_blob_name("dev1", good), Ok(()), "{good}");
        }
        for bad in ["", "/a", "a//b", "a/../b", "a/", "a.", "a\n", "a\\b"] {
            assert!(check_blob_name("dev1", bad).is_err(), "{bad:?}");
        }
        assert!(check_blob_name("dev1", &"x".repeat(1019)).is_ok());
        assert!(check_blob_name("dev1", &"x".repeat(1020)).is_err());
    }

    proptest! {
        #[test]
        fn parsing_is_total(body in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,40}") {
            let _ = UploadTarget::parse(&body);
            let _ = UploadNotification::parse(&body, None);
            let _ = UploadTarget { host_name: text.clone(), sas: text, ..target() }.host_and_port();
        }

        #[test]
        fn a_notification_goes_there_and_back(correlation_id in ".{1,20}", is_success: bool, status_code: i32) {
            let notification = UploadNotification {
                correlation_id, is_success, status_code, status_description: "done".to_owned(),
            };
            prop_assert_eq!(UploadNotification::parse(&notification.to_body(), None), Some(notification));
        }
    }
}
