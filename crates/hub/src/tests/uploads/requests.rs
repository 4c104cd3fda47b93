//! File upload: the hub's half and Storage's, request by request.

use std::time::Duration;

use crate::config::FileUploads;
use crate::tests::support::client::{hub, key, start};
use crate::tests::support::http::{Answer, Http};
use crate::unix_time::unix_now;
use crate::{Hub, HubConfig};
use azmqtt_dialect::Identity;
use azmqtt_dialect::sas::SasToken;
use azmqtt_dialect::storage::{StorageError, block_list_body, listed_blocks};
use azmqtt_dialect::upload::UploadTarget;

/// A request, and the code of its refusal.
type Case<'a> = (String, &'a str, &'a [u8], u32);

/// The code of a refusal by Storage, which stands in the header and in the body.
fn storage_code(answer: &Answer) -> (u16, String) {
    let code = StorageError::parse(None, &answer.body).code.unwrap();
    assert_eq!(answer.header("x-ms-error-code"), Some(code.as_str()), "{answer}");
    (answer.status, code)
}

/// Sends one request on a connection of its own; `headers` end with a line break each.
pub async fn ask(hub: &Hub, method: &str, target: &str, headers: &str, body: &[u8]) -> Answer {
    Http::connect(hub).await.send(method, target, headers, body).await.expect("an answer")
}

pub fn token(hub: &Hub, device_id: &str) -> String {
    let resource = Identity::new(hub.hostname(), device_id, None).unwrap().sas_resource();
    let token = SasToken::sign(&resource, &key(hub, device_id), unix_now() + 60, None);
    format!("Authorization: {}\r\n", token.to_token())
}

async fn begin(hub: &Hub, name: &str) -> Answer {
    let body = serde_json::json!({ "blobName": name }).to_string();
    let target = "/devices/dev1/files?api-version=2021-04-12";
    ask(hub, "POST", target, &token(hub, "dev1"), body.as_bytes()).await
}

pub async fn place(hub: &Hub, name: &str) -> UploadTarget {
    let answer = begin(hub, name).await;
    assert_eq!(answer.status, 200);
    UploadTarget::parse(&answer.body).unwrap()
}

async fn end(hub: &Hub, device_id: &str, body: &str) -> Answer {
    let target = format!("/devices/{device_id}/files/notifications?api-version=2021-04-12");
    ask(hub, "POST", &target, &token(hub, device_id), body.as_bytes()).await
}

#[tokio::test]
async fn a_blob_in_one_request_and_its_notification() {
    let hub = hub();
    let place = place(&hub, "a b/c.txt").await;
    assert_eq!(place.blob_name, "dev1/a b/c.txt");
    assert_eq!(place.host_and_port(), Some(("localhost", hub.https_port())));
    let headers =
        "x-ms-blob-type: BlockBlob\r\nx-ms-version: 2021-12-02\r\nx-ms-blob-content-type: text/plain\r\n";
    let put = ask(&hub, "PUT", &place.path_and_query(""), headers, b"hello").await;
    assert_eq!(put.status, 201);
    let body = format!(
        r#"{{"correlationId":"{}","isSuccess":true,"statusCode":200,"statusDescription":"OK"}}"#,
        place.correlation_id
    );
    assert_eq!(end(&hub, "dev2", &body).await.code(), 400_004, "another device's");
    assert_eq!(end(&hub, "dev1", &body).await.status, 204);
    assert_eq!(end(&hub, "dev1", &body).await.code(), 400_004, "it has ended");
    assert!(hub.wait_for_upload(Some("dev1"), 1, Duration::ZERO));
    let [record] = &hub.uploads(None)[..] else { panic!("one upload") };
    assert_eq!((record.blob_name.as_str(), record.size), ("dev1/a b/c.txt", Some(5)));
    let blob = hub.blob("dev1/a b/c.txt").unwrap();
    assert_eq!((blob.parts.concat(), blob.content_type.as_str()), (b"hello".to_vec(), "text/plain"));
}

#[tokio::test]
async fn blocks_until_they_are_listed() {
    let hub = hub();
    let place = place(&hub, "x").await;
    let list = place.path_and_query("comp=blocklist&blocklisttype=uncommitted");
    assert_eq!(storage_code(&ask(&hub, "GET", &list, "", b"").await), (404, "BlobNotFound".to_owned()));
    for (id, content) in [("YQ%3D%3D", "one"), ("Yg%3D%3D", "two"), ("YQ%3D%3D", "ONE")] {
        let block = place.path_and_query(&format!("comp=block&blockid={id}"));
        assert_eq!(ask(&hub, "PUT", &block, "", content.as_bytes()).await.status, 201);
    }
    assert!(hub.blob("dev1/x").is_none());
    let listed = ask(&hub, "GET", &list, "", b"").await;
    assert_eq!(listed_blocks(&String::from_utf8(listed.body).unwrap()), ["YQ==", "Yg=="]);

    let commit = place.path_and_query("comp=blocklist");
    let missing = block_list_body(&["YQ==".to_owned(), "Yw==".to_owned()]);
    let refused = ask(&hub, "PUT", &commit, "", missing.as_bytes()).await;
    assert_eq!(storage_code(&refused), (400, "InvalidBlockList".to_owned()));
    let ids = block_list_body(&["Yg==".to_owned(), "YQ==".to_owned()]);
    assert_eq!(ask(&hub, "PUT", &commit, "", ids.as_bytes()).await.status, 201);
    assert_eq!(hub.blob("dev1/x").unwrap().parts.concat(), b"twoONE");
    // Committed ones can be named again.
    assert_eq!(ask(&hub, "PUT", &commit, "", ids.as_bytes()).await.status, 201);
    assert_eq!(hub.blob("dev1/x").unwrap().size(), 6);
}

#[tokio::test]
async fn what_storage_refuses() {
    let file_uploads = FileUploads { max_bytes: 100_000, ..FileUploads::default() };
    let hub = start(HubConfig { file_uploads, ..HubConfig::default() });
    let place = place(&hub, "x").await;
    let put = |query: &str| place.path_and_query(query);
    let refusals = [
        (put(""), "", "MissingRequiredHeader", 400),
        (put(""), "x-ms-blob-type: PageBlob\r\n", "InvalidHeaderValue", 400),
        (put("comp=block"), "", "MissingRequiredQueryParameter", 400),
        (put("comp=block&blockid=!"), "", "InvalidBlobOrBlock", 400),
        (put("comp=blocklist"), "", "InvalidXmlDocument", 400),
        (put("comp=lease"), "", "InvalidQueryParameterValue", 400),
        (put("").replace("sig=", "sig=A"), "", "AuthenticationFailed", 403),
        (put("").replace("se=20", "se=21"), "", "AuthenticationFailed", 403),
        (put("").replace("/dev1/x", "/dev2/x"), "", "AuthenticationFailed", 403),
        ("/uploads/dev1/x".to_owned(), "", "AuthenticationFailed", 403),
    ];
    for (target, headers, code, status) in refusals {
        let refused = ask(&hub, "PUT", &target, headers, b"rubbish").await;
        assert_eq!(storage_code(&refused), (status, code.to_owned()), "{target}");
    }
    let blob = "x-ms-blob-type: BlockBlob\r\n";
    let large = vec![0; 60_000];
    assert_eq!(ask(&hub, "PUT", &put(""), blob, &large).await.status, 201);
    let other = self::place(&hub, "y").await.path_and_query("");
    let refused = ask(&hub, "PUT", &other, blob, &large).await;
    assert_eq!(storage_code(&refused), (413, "RequestBodyTooLarge".to_owned()));
    // What it replaces makes room.
    assert_eq!(ask(&hub, "PUT", &put(""), blob, &large).await.status, 201);
    // Ids are of one length.
    assert_eq!(ask(&hub, "PUT", &put("comp=block&blockid=YQ%3D%3D"), "", b"x").await.status, 201);
    let refused = ask(&hub, "PUT", &put("comp=block&blockid=YWJjZA%3D%3D"), "", b"x").await;
    assert_eq!(storage_code(&refused), (400, "InvalidBlobOrBlock".to_owned()));
}

#[tokio::test]
async fn what_the_hub_refuses() {
    let hub = hub();
    let path = "/devices/dev1/files";
    let good = token(&hub, "dev1");
    let body = br#"{"blobName":"x"}"#;
    let version = "?api-version=2021-04-12";
    let foreign = token(&hub, "dev2");
    let refusals: [Case; 7] = [
        (path.to_owned(), &good, body, 400_001),
        (format!("{path}{version}"), "", body, 401_002),
        (format!("{path}{version}"), &foreign, body, 401_002),
        (format!("/devices/nobody/files{version}"), &good, body, 401_002),
        (format!("{path}{version}"), &good, b"{", 400_006),
        (format!("{path}{version}"), &good, b"{}", 400_004),
        (format!("{path}{version}"), &good, br#"{"blobName":"../x"}"#, 400_004),
    ];
    for (target, headers, body, code) in refusals {
        assert_eq!(ask(&hub, "POST", &target, headers, body).await.code(), code, "{target}");
    }
    hub.set_enabled("dev1", false).unwrap();
    assert_eq!(begin(&hub, "x").await.code(), 403_012);
}

#[tokio::test]
async fn ten_at_a_time_until_their_places_close() {
    let file_uploads = FileUploads { sas_ttl: Duration::from_secs(1), ..FileUploads::default() };
    let hub = start(HubConfig { file_uploads, ..HubConfig::default() });
    let first = place(&hub, "x0").await;
    let closed = tokio::time::Instant::now() + Duration::from_millis(2100);
    for number in 1..10 {
        place(&hub, &format!("x{number}")).await;
    }
    assert_eq!(begin(&hub, "x10").await.code(), 403_006);
    tokio::time::sleep_until(closed).await;
    place(&hub, "x10").await;
    let headers = "x-ms-blob-type: BlockBlob\r\n";
    let late = ask(&hub, "PUT", &first.path_and_query(""), headers, b"").await;
    assert_eq!(storage_code(&late), (403, "AuthenticationFailed".to_owned()));
}
