//! File upload between the device and the local hub, across real TLS sockets.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use azmqtt_device::{
    Credentials, Device, DeviceConfig, Error, FileUpload, Proxy, ProxyChoice, Reply, RetryPolicy, Trust,
    UploadStep,
};
use azmqtt_dialect::{Auth, ConnectionString};
use azmqtt_hub::config::FileUploads;
use azmqtt_hub::{Hub, HubConfig};
use bytes::Bytes;

use common::{TIMEOUT, runtime, wait};

fn take(upload: &FileUpload, step: UploadStep) -> Result<usize, Error> {
    wait(|reply| upload.run(step, reply))
}

fn device(hub: &Hub) -> Device {
    device_through(hub, ProxyChoice::Direct)
}

fn device_through(hub: &Hub, proxy: ProxyChoice) -> Device {
    hub.create_device("d", None).unwrap();
    let parsed = ConnectionString::parse(&hub.connection_string("d").unwrap()).unwrap();
    let Auth::SharedAccessKey(key) = parsed.auth.clone() else { panic!("no key") };
    let mut config = DeviceConfig::new(parsed.identity(), Credentials::key(key));
    config.https_port = hub.https_port();
    config.endpoint.proxy = proxy;
    config.endpoint.trust = Trust::from_pem(hub.ca_pem().as_bytes()).unwrap();
    config.retry = RetryPolicy { base: Duration::from_millis(10), ..RetryPolicy::default() };
    Device::new(config, runtime)
}

fn block(content: &str) -> UploadStep {
    UploadStep::PutBlock(Bytes::copy_from_slice(content.as_bytes()))
}

const DONE: fn() -> UploadStep =
    || UploadStep::Notify { is_success: true, status_code: 200, description: "OK".to_owned() };

#[test]
fn a_place_that_closes_in_mid_upload_is_replaced() {
    let file_uploads = FileUploads { sas_ttl: Duration::from_secs(1), ..FileUploads::default() };
    let hub = Hub::start(HubConfig { file_uploads, ..HubConfig::default() }).unwrap();
    let device = device(&hub);
    let upload = device.upload("x".to_owned(), TIMEOUT, TIMEOUT).unwrap();
    take(&upload, UploadStep::Start).unwrap();
    let closed = Instant::now() + Duration::from_millis(2100);
    assert_eq!(take(&upload, block("one")).unwrap(), 3);
    std::thread::sleep(closed.saturating_duration_since(Instant::now()));
    assert_eq!(take(&upload, block("two")).unwrap(), 3);
    take(&upload, UploadStep::Commit { content_type: None }).unwrap();
    take(&upload, DONE()).unwrap();
    assert_eq!(hub.blob("d/x").unwrap().parts.concat(), b"onetwo");
    let ended: Vec<_> = hub.uploads(Some("d")).iter().map(|u| u.notification.is_success).collect();
    assert_eq!(ended, [false, true]);
}

#[test]
fn blocks_are_found_again_by_what_is_in_them() {
    let hub = Hub::start(HubConfig::default()).unwrap();
    let device = device(&hub);
    let first = device.upload("x".to_owned(), TIMEOUT, TIMEOUT).unwrap();
    take(&first, UploadStep::Start).unwrap();
    for content in ["one", "two"] {
        take(&first, block(content)).unwrap();
    }
    // Gone without a word, as in a crash.
    drop(first);
    let second = device.upload("x".to_owned(), TIMEOUT, TIMEOUT).unwrap();
    take(&second, UploadStep::Start).unwrap();
    take(&second, UploadStep::LookForBlocks).unwrap();
    let sent: Vec<_> = ["one", "TWO", "one"].map(|content| take(&second, block(content)).unwrap()).to_vec();
    assert_eq!(sent, [0, 3, 3], "the third has the first one's content in another place");
    take(&second, UploadStep::Commit { content_type: Some("text/plain".to_owned()) }).unwrap();
    let blob = hub.blob("d/x").unwrap();
    assert_eq!((blob.parts.concat(), blob.content_type.as_str()), (b"oneTWOone".to_vec(), "text/plain"));
}

#[test]
fn steps_out_of_order_and_a_closed_device_are_errors() {
    let hub = Hub::start(HubConfig::default()).unwrap();
    let device = device(&hub);
    let upload = device.upload("x".to_owned(), TIMEOUT, TIMEOUT).unwrap();
    let error = take(&upload, block("x")).unwrap_err();
    assert!(matches!(error, Error::UploadFailed { step: "Put Block", status: None, .. }), "{error:?}");
    assert_eq!(take(&upload, DONE()), Ok(0), "nothing was begun, and there is nothing to tell");
    assert!(!format!("{upload:?} {device:?}").contains("sig"));
    let (reply, receiver) = Reply::channel();
    device.connect(TIMEOUT, Reply::ignore());
    device.close(Duration::ZERO, reply);
    runtime().block_on(receiver).unwrap().unwrap();
    assert_eq!(device.upload("x".to_owned(), TIMEOUT, TIMEOUT).unwrap_err(), Error::ClientClosed);
}

/// A proxy that passes everything on; yields its port and the hosts that it was asked for.
fn proxy() -> (u16, Arc<Mutex<Vec<String>>>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
    use tokio::net::{TcpListener, TcpStream};

    let asked = Arc::new(Mutex::new(Vec::new()));
    let listener = runtime().block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    let log = Arc::clone(&asked);
    runtime().spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                let host = String::from_utf8(head).unwrap().split(' ').nth(1).unwrap().to_owned();
                let mut server = TcpStream::connect(&host).await.unwrap();
                log.lock().unwrap().push(host);
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (port, asked)
}

#[test]
fn the_hub_and_storage_are_reached_through_the_proxy() {
    let hub = Hub::start(HubConfig::default()).unwrap();
    let (port, asked) = proxy();
    let proxy = Proxy::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    let device = device_through(&hub, ProxyChoice::Fixed(Arc::new(proxy)));
    let upload = device.upload("x".to_owned(), TIMEOUT, TIMEOUT).unwrap();
    take(&upload, UploadStep::Start).unwrap();
    take(&upload, UploadStep::PutBlob { content: Bytes::from_static(b"x"), content_type: None }).unwrap();
    take(&upload, DONE()).unwrap();
    assert_eq!(hub.blob("d/x").unwrap().size(), 1);
    // One connection to each, kept between its requests.
    let host = format!("localhost:{}", hub.https_port());
    assert_eq!(*asked.lock().unwrap(), [host.clone(), host]);
}
