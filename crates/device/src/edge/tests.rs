//! The workload API against a scripted runtime on a real socket, honest or not.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use super::*;

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(10);

/// A socket's path that goes with the test.
struct Socket(PathBuf);

impl Socket {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("azmqtt-edge-{}-{number}.sock", std::process::id())))
    }

    fn workload(&self) -> Workload {
        let uri = format!("unix://{}", self.0.display());
        let workload = Workload::new(&uri, "my module", "636/7", "2019-01-30").unwrap();
        let deadlines = Deadlines { connect: Duration::from_millis(500), answer: Duration::from_millis(500) };
        Workload { deadlines, ..workload }
    }

    /// Takes one connection and reads a request; then says `answer` and, unless it is to `hang`, ends it. The request.
    fn serve(&self, answer: Vec<u8>, hang: bool) -> JoinHandle<String> {
        let listener = UnixListener::bind(&self.0).unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            serve(stream, answer, hang).await
        })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn serve(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, answer: Vec<u8>, hang: bool) -> String {
    let mut request = Vec::new();
    loop {
        stream.read_buf(&mut request).await.unwrap();
        let text = String::from_utf8_lossy(&request).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .split("content-length: ")
                .nth(1)
                .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
            if body.len() >= length {
                break;
            }
        }
    }
    // A client that has seen enough may have gone.
    let _ = stream.write_all(&answer).await;
    if hang {
        let _ = stream.read(&mut [0]).await;
    }
    String::from_utf8(request).unwrap()
}

fn http(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
        .into()
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.expect("it did not happen in time")
}

#[tokio::test]
async fn a_signature_is_asked_for_and_decoded() {
    let socket = Socket::new();
    let digest = STANDARD.encode([7; 32]);
    let served = socket.serve(http("200 OK", &json!({ "digest": digest }).to_string()), false);
    assert_eq!(within(socket.workload().sign(b"sr\n17")).await.unwrap(), [7; 32]);
    let request = within(served).await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let line = "POST /modules/my%20module/genid/636%2F7/sign?api-version=2019-01-30 HTTP/1.1";
    assert_eq!(head.lines().next().unwrap(), line);
    assert!(head.to_lowercase().contains("host: localhost"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body, json!({"keyId": "primary", "algo": "HMACSHA256", "data": STANDARD.encode("sr\n17")}));
}

#[tokio::test]
async fn the_trust_bundle_is_text() {
    let socket = Socket::new();
    let served = socket.serve(http("200 OK", r#"{"certificate": "-----BEGIN …"}"#), false);
    assert_eq!(within(socket.workload().roots()).await.unwrap(), "-----BEGIN …");
    let request = within(served).await.unwrap();
    assert!(request.starts_with("GET /trust-bundle?api-version=2019-01-30 HTTP/1.1\r\n"), "{request}");
}

#[tokio::test]
async fn an_answer_in_chunks_and_one_up_to_the_end_of_the_stream() {
    for answer in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"certif\r\nE\r\nicate\": \"pem\"}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"certificate\": \"pem\"}",
    ] {
        let socket = Socket::new();
        let served = socket.serve(answer.into(), false);
        assert_eq!(within(socket.workload().roots()).await.as_deref(), Ok("pem"), "{answer}");
        within(served).await.unwrap();
    }
}

#[tokio::test]
async fn a_port_does_as_well() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, http("200 OK", r#"{"certificate": "pem"}"#), true).await
    });
    let workload = Workload::new(&format!("http://127.0.0.1:{port}/"), "m", "1", "2019-01-30").unwrap();
    assert_eq!(within(workload.roots()).await.unwrap(), "pem");
    assert!(within(served).await.unwrap().to_lowercase().contains(&format!("host: 127.0.0.1:{port}\r\n")));
}

#[tokio::test]
async fn whatever_the_runtime_does_there_is_an_answer_that_says_so() {
    let huge_body = format!("HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n{}", " ".repeat(1 << 21));
    let huge_head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1 << 16));
    let many_headers = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(500));
    let hostile = http("500 Oops", &json!({"message": format!("a\nb{}", "x".repeat(1000))}).to_string());
    for (answer, hang, said) in [
        (
            http("404 Not Found", r#"{"message": "Module not found"}"#),
            false,
            "404 Not Found: Module not found",
        ),
        (http("403 Forbidden", "no"), false, "it answered 403 Forbidden"),
        (hostile, false, "500 Internal Server Error: a\u{fffd}bxxx"),
        (http("200 OK", "rubbish"), false, "its answer is not JSON"),
        (http("200 OK", "{}"), false, "no 'digest' in base64"),
        (http("200 OK", r#"{"digest": 5}"#), false, "no 'digest' in base64"),
        (http("200 OK", r#"{"digest": "%%%"}"#), false, "no 'digest' in base64"),
        (b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(), true, "not a whole answer in HTTP/1.1"),
        (Vec::new(), false, "not a whole answer in HTTP/1.1"),
        (Vec::new(), true, "no whole answer within 0.5 s"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec(), true, "no whole answer within 0.5 s"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec(), false, "not a whole answer in HTTP/1.1"),
        (huge_body.into(), true, "more than 1048576 bytes"),
        (huge_head.into(), true, "not a whole answer in HTTP/1.1"),
        (many_headers.into(), true, "not a whole answer in HTTP/1.1"),
    ] {
        let socket = Socket::new();
        let served = socket.serve(answer, hang);
        let error = within(socket.workload().sign(b"data")).await.unwrap_err();
        assert!(error.starts_with("POST /modules/my%20module/genid/636%2F7/sign: "), "{error}");
        assert!(error.contains(said), "{error} does not say: {said}");
        assert!(error.chars().count() < 500, "{error}");
        within(served).await.unwrap();
    }
}

#[tokio::test]
async fn a_runtime_that_is_not_there() {
    let socket = Socket::new();
    let error = within(socket.workload().sign(b"data")).await.unwrap_err();
    assert!(error.contains("/sign: cannot connect: "), "{error}");
}
