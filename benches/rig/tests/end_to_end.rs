//! The bare client does every task against the sink, both as programs on real sockets.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

struct Sink {
    child: Child,
    port: String,
    dir: std::path::PathBuf,
}

impl Sink {
    fn start(name: &str, extra: &[&str]) -> Self {
        let dir = std::env::temp_dir().join(format!("azmqtt-rig-{}-{name}", std::process::id()));
        let mut child = Command::new(env!("CARGO_BIN_EXE_sink"))
            .arg("--dir")
            .arg(&dir)
            .args(["--until-stdin-closes", "true"])
            .args(extra)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the sink starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let port = line.trim_start_matches("{\"port\":").split(',').next().unwrap_or_default().to_owned();
        Self { child, port, dir }
    }

    fn bare(&self, task: &str, n: u32) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_bare"))
            .args(["--task", task, "--port", &self.port, "--n", &n.to_string(), "--ca"])
            .arg(self.dir.join("ca.pem"))
            .output()
            .expect("the client starts");
        assert!(output.status.success(), "{task}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // Closing standard input is how the sink is told to end.
        drop(self.child.stdin.take());
        let status = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
        if !std::thread::panicking() {
            assert!(status.is_ok_and(|s| s.success()), "the sink ends well");
        }
    }
}

const TASKS: [(&str, u32); 12] = [
    ("qos1_pipelined", 5_001),
    ("qos1_one_at_a_time", 50),
    ("twin_patch_rtt", 50),
    ("twin_patch_100", 250),
    ("receive_qos0", 5_001),
    ("receive_qos1", 5_001),
    ("v5_qos1_pipelined", 5_001),
    ("v5_qos1_one", 50),
    ("v5_request", 50),
    ("v5_receive", 5_001),
    ("connect", 5),
    ("footprint_20", 20),
];

#[test]
fn every_task_counts_what_was_asked() {
    let sink = Sink::start("tls13", &[]);
    for (task, n) in TASKS {
        let json = sink.bare(task, n);
        assert!(json.contains(&format!("\"msgs\":{n},")), "{task}: {json}");
    }
}

#[test]
fn tls_12_alone_works_too() {
    let sink = Sink::start("tls12", &["--tls12", "true"]);
    assert!(sink.bare("qos1_pipelined", 2_000).contains("\"msgs\":2000,"));
}

#[test]
fn late_answers_are_late() {
    let sink = Sink::start("late", &["--ack-delay-ms", "20"]);
    let json = sink.bare("qos1_one_at_a_time", 5);
    let p50 = json.split("\"p50_us\":").nth(1).and_then(|r| r.split(',').next()).expect("a p50");
    assert!(p50.parse::<f64>().expect("a number") >= 20_000.0, "{json}");
}
