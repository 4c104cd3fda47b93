//! Bodies of answers over MQTT and HTTP.

use azmqtt_dialect::ServiceError;
use azmqtt_dialect::storage::{StorageError, listed_blocks, parse_block_list};
use azmqtt_dialect::upload::{UploadNotification, UploadTarget};

use crate::text;

/// Errors of the service, in any of their spellings. All bytes are some error; those with a code count as accepted.
pub fn service_errors(data: &[u8]) -> bool {
    let error = ServiceError::parse(404, data);
    let _ = error.to_string();
    if error.error_code.is_none() {
        return false;
    }
    let again = ServiceError::parse(404, &error.to_body());
    assert_eq!(again.error_code, error.error_code);
    for body in [error.to_plain_rest_body(), error.to_nested_rest_body(), error.to_named_rest_body()] {
        let _ = ServiceError::parse(404, &body);
    }
    true
}

/// What the hub says about a file to upload, and is told about one.
pub fn uploads(data: &[u8]) -> bool {
    let notification = UploadNotification::parse(data, None);
    if let Some(notification) = &notification {
        assert_eq!(UploadNotification::parse(&notification.to_body(), None).as_ref(), Some(notification));
    }
    let target = UploadTarget::parse(data);
    if let Ok(target) = &target {
        assert_eq!(UploadTarget::parse(&target.to_body()).as_ref(), Ok(target));
        let _ = (target.host_and_port(), target.path_and_query("comp=block"));
    }
    notification.is_some() || target.is_ok()
}

/// Storage's lists of blocks, and its errors.
pub fn block_lists(data: &[u8]) -> bool {
    let body = text(data);
    let _ = listed_blocks(&body);
    let error = StorageError::parse(None, data);
    let again = StorageError::parse(None, error.to_body().as_bytes());
    assert_eq!(again.code, error.code);
    parse_block_list(&body).is_some() || error.code.is_some()
}
