//! Entries as JSON lines and as Server-Sent Events.

use std::fmt::Write;

use super::feed::Entry;
use super::members::Members;
use super::time::rfc3339;

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An object a line (`application/x-ndjson`).
    Lines,
    /// Server-Sent Events (HTML Standard, "Server-sent events").
    Events,
}

impl Form {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Lines => "application/x-ndjson",
            Self::Events => "text/event-stream",
        }
    }

    /// An entry as a JSON object, in one line: `{"id", "time", …}`. `kind` comes first where there are several kinds.
    pub fn object(kind: Option<&str>, entry: &Entry) -> String {
        let head = Members::default().with_some("kind", kind).with("id", entry.id);
        let members = head.with("time", rfc3339(entry.time)).and(&entry.members);
        format!("{{{}}}", members.as_str())
    }

    /// The object that stands for entries that are gone: `{"id": the last of them, "lost": how many}`.
    pub fn lost_object(kind: Option<&str>, last: u64, count: u64) -> String {
        let members = Members::default().with_some("kind", kind).with("id", last).with("lost", count);
        format!("{{{}}}", members.as_str())
    }

    /// Writes an object. `position` is what the reader sends to resume here; JSON lines have none.
    pub fn write(self, out: &mut String, object: &str, position: &str) {
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Lines => writeln!(out, "{object}"),
            Self::Events => write!(out, "id: {position}\ndata: {object}\n\n"),
        };
    }

    /// Writes an object of [`Self::lost_object`].
    pub fn write_lost(self, out: &mut String, object: &str, position: &str) {
        if self == Self::Events {
            out.push_str("event: lost\n");
        }
        self.write(out, object, position);
    }

    /// What is written when there is nothing to say, so that both ends notice when the other is gone. Lines have none.
    pub fn heartbeat(self) -> Option<&'static str> {
        match self {
            Self::Lines => None,
            Self::Events => Some(":\n\n"),
        }
    }
}
