//! The spelling of paths, and whom they are about. The service's have no case but in their ids, and a slash at the end means nothing: Microsoft's clients
//! for Node and C ask for `/messages/devicebound`, those for .NET and Java for `/messages/deviceBound`.

use axum::http::uri::PathAndQuery;
use axum::http::{Method, Uri};
use percent_encoding::percent_decode_str;

/// What paths of the hub begin with. Blobs are none of them: their names have case.
const ROOTS: [&str; 12] = [
    "$iothub",
    "azmqtt",
    "configurations",
    "devices",
    "digitaltwins",
    "enrollmentGroups",
    "enrollments",
    "jobs",
    "messages",
    "registrations",
    "statistics",
    "twins",
];

/// Segments as the routes spell them, which an id follows.
const BEFORE_IDS: [&str; 15] = [
    "commands",
    "components",
    "configurations",
    "deviceBound",
    "devices",
    "digitaltwins",
    "enrollmentGroups",
    "enrollments",
    "faults",
    "feedback",
    "jobs",
    "modules",
    "notifications",
    "registrations",
    "twins",
];

/// Other segments as the routes spell them.
const WORDS: [&str; 15] = [
    "$iothub",
    "abandon",
    "applyConfigurationContent",
    "attestationmechanism",
    "azmqtt",
    "cancel",
    "events",
    "files",
    "messages",
    "methods",
    "query",
    "service",
    "serviceBound",
    "statistics",
    "websocket",
];

/// The address as the routes spell it.
pub(super) fn canonical(method: &Method, uri: Uri) -> Uri {
    let Some(path) = rewrite(method, uri.path()) else { return uri };
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(target).ok();
    Uri::from_parts(parts).unwrap_or(uri)
}

/// `None` if it is spelled like that already, or is none of the hub's.
fn rewrite(method: &Method, path: &str) -> Option<String> {
    let inner = path.strip_prefix('/')?;
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let root = inner.split('/').next().unwrap_or_default();
    spelled(&ROOTS, root)?;
    let mut out = String::with_capacity(path.len());
    // The literal segment before an id.
    let mut before = "";
    for segment in inner.split('/') {
        let (written, next) = if before.is_empty() {
            match spelled(&BEFORE_IDS, segment) {
                Some(word) => (word, word),
                None => (spelled(&WORDS, segment).unwrap_or(segment), ""),
            }
        } else {
            match word_for_id(method, before, segment) {
                // Its ids follow.
                Some("v2") => ("v2", "v2"),
                Some(word) => (word, ""),
                None => (segment, ""),
            }
        };
        out.push('/');
        out.push_str(written);
        before = next;
    }
    (out != path).then_some(out)
}

/// Words in the place of an id, by the methods that they are for: to others they are ids.
fn word_for_id(method: &Method, before: &str, segment: &str) -> Option<&'static str> {
    let words: &[&'static str] = match before {
        "devices" | "enrollments" | "enrollmentGroups" if *method == Method::POST => &["query"],
        "configurations" if *method == Method::POST => &["testQueries"],
        "jobs" => &["v2", "create"],
        "v2" => &["query"],
        _ => &[],
    };
    spelled(words, segment)
}

fn spelled(words: &[&'static str], segment: &str) -> Option<&'static str> {
    words.iter().find(|word| word.eq_ignore_ascii_case(segment)).copied()
}

/// What stands before the other routes that are this hub's own.
const OWN: &str = "/azmqtt";

/// Whom a request is about: `/devices/{device}[/modules/{module}]…`, and the same of twins.
pub(super) fn identity(path: &str) -> Option<(String, Option<String>)> {
    let path = path.strip_prefix(OWN).unwrap_or(path);
    let mut parts = path.trim_matches('/').split('/');
    if !matches!(parts.next(), Some("devices" | "twins" | "digitaltwins")) {
        return None;
    }
    let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let device = decoded(parts.next()?);
    let module = (parts.next() == Some("modules")).then(|| parts.next().map(decoded)).flatten();
    Some((device, module))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn literal_segments_have_no_case_and_ids_do() {
        for (method, path, spelled) in [
            (Method::GET, "/Devices/Modules/Messages/devicebound", "/devices/Modules/messages/deviceBound"),
            (Method::DELETE, "/devices/d/messages/DEVICEBOUND/Lock", "/devices/d/messages/deviceBound/Lock"),
            (Method::POST, "/devices/d/files/Notifications/A%2FB/", "/devices/d/files/notifications/A%2FB"),
            (Method::GET, "/devices/", "/devices"),
            (Method::POST, "/Devices/Query", "/devices/query"),
            (Method::GET, "/devices/Query", "/devices/Query"),
            (Method::GET, "/TWINS/d/MODULES/Methods/methods", "/twins/d/modules/Methods/methods"),
            (Method::GET, "/messages/servicebound/Feedback", "/messages/serviceBound/feedback"),
            (Method::POST, "/configurations/testqueries", "/configurations/testQueries"),
            (Method::POST, "/devices/d/ApplyconfigurationContent", "/devices/d/applyConfigurationContent"),
            (Method::GET, "/Jobs/V2/Query", "/jobs/v2/query"),
            (Method::POST, "/jobs/v2/My-Job/Cancel", "/jobs/v2/My-Job/cancel"),
            (Method::GET, "/Statistics/Devices", "/statistics/devices"),
            (
                Method::POST,
                "/DigitalTwins/D/Components/C/Commands/Go",
                "/digitaltwins/D/components/C/commands/Go",
            ),
            (Method::POST, "/Enrollments/", "/enrollments"),
            (Method::GET, "/enrollments/Query", "/enrollments/Query"),
            (
                Method::POST,
                "/enrollmentgroups/G/AttestationMechanism",
                "/enrollmentGroups/G/attestationmechanism",
            ),
            (Method::POST, "/Registrations/Query/Query", "/registrations/Query/query"),
            (Method::GET, "/$IoTHub/WebSocket", "/$iothub/websocket"),
            (Method::PUT, "/uploads/Devices/", "/uploads/Devices/"),
            (Method::GET, "/", "/"),
        ] {
            let uri = canonical(&method, format!("{path}?A=B").parse().unwrap());
            assert_eq!(uri.to_string(), format!("{spelled}?A=B"));
        }
    }

    proptest! {
        #[test]
        fn spelling_is_done_once(path in "(/[a-zA-Z$%2]{0,12}){1,6}", method in prop::sample::select(vec!["GET", "POST"])) {
            let method: Method = method.parse().unwrap();
            if let Some(once) = rewrite(&method, &path) {
                prop_assert!(once.eq_ignore_ascii_case(path.strip_suffix('/').unwrap_or(&path)));
            }
        }
    }

    #[test]
    fn whom_a_request_is_about() {
        let text = |device: &str, module: Option<&str>| Some((device.to_owned(), module.map(str::to_owned)));
        assert_eq!(identity("/twins/a%20b/modules/m/methods"), text("a b", Some("m")));
        assert_eq!(identity("/devices/d/files"), text("d", None));
        assert_eq!(identity("/azmqtt/devices/d/messages/deviceBound"), text("d", None));
        assert_eq!(identity("/statistics/devices"), None);
        assert_eq!(identity("/devices"), None);
    }
}
