//! What is not of the language is refused where it stands.

use crate::query::{MAX_NESTING, MAX_QUERY, Query};

fn refusal(query: &str) -> (usize, String) {
    let error = Query::parse(query).expect_err(query);
    (error.position, error.to_string())
}

#[test]
fn errors_name_the_place() {
    for (query, position, reason) in [
        ("", 0, "expected SELECT"),
        ("SELECT *", 8, "expected FROM"),
        ("SELECT * FROM c", 14, "expected devices"),
        ("SELECT * FROM devices d", 22, "expected WHERE, GROUP BY or the end of the query, not 'd'"),
        ("SELECT * FROM devices.twins", 22, "devices.modules"),
        ("SELECT * FROM devices ORDER BY deviceId", 22, "ORDER BY is not part of the language"),
        ("SELECT DISTINCT status FROM devices", 7, "DISTINCT is not part"),
        ("SELECT TOP 0 * FROM devices", 11, "a whole number"),
        ("SELECT TOP 1.5 * FROM devices", 11, "a whole number"),
        ("select * form devices", 9, "expected FROM, not 'form'"),
        ("select deviceId fom devices", 16, "expected FROM, not 'fom'"),
        ("select count() as n devices", 20, "expected FROM, not 'devices'"),
        ("selct * from devices", 0, "expected SELECT, not 'selct'"),
        ("select * from devices were a = 1", 22, "or the end of the query, not 'were'"),
        ("select * from devices where a = 1 und b = 2", 34, "or the end of the query, not 'und'"),
        ("select * from devices group deviceId", 28, "expected BY, not 'deviceId'"),
        ("SELECT *, status FROM devices", 8, "expected FROM"),
        ("SELECT COUNT(1) FROM devices", 13, "expected ')'"),
        ("SELECT COUNT(), status FROM devices", 7, "only the property of GROUP BY"),
        ("SELECT * FROM devices GROUP BY status", 7, "cannot be grouped"),
        ("SELECT status FROM devices GROUP BY status, tags.a", 42, "expected the end"),
        ("SELECT jobId FROM devices.jobs", 7, "only SELECT *"),
        ("SELECT upper(status) FROM devices", 7, "the SELECT clause may contain"),
        ("SELECT * FROM devices WHERE tags.group = 'US'", 33, "written [[group]]"),
        ("SELECT * FROM devices WHERE status = 'x", 37, "no closing quotation mark"),
        ("SELECT * FROM devices WHERE status == 'x'", 36, "expected a value, not '=': a comparison"),
        ("SELECT * FROM devices WHERE a = b = c", 34, "expected AND, OR, GROUP BY or the end"),
        ("SELECT * FROM devices WHERE status IN ('x')", 38, "in brackets"),
        ("SELECT * FROM devices WHERE status IN [tags.x]", 39, "expected a constant"),
        ("SELECT * FROM devices WHERE STARTS_WITH(status, 'x')", 28, "use STARTSWITH"),
        ("SELECT * FROM devices WHERE CONTAINS(status, 'x')", 28, "function of message routes"),
        ("SELECT * FROM devices WHERE ABS(tags.x) = 1", 28, "function of message routes"),
        ("SELECT * FROM devices WHERE COUNT() = 1", 28, "only in the SELECT clause"),
        ("SELECT * FROM devices WHERE nonsense(1)", 28, "unknown function NONSENSE"),
        ("SELECT * FROM devices WHERE IS_DEFINED('x')", 28, "needs a property"),
        ("SELECT * FROM devices WHERE STARTSWITH(status)", 28, "takes 2 value"),
        ("SELECT * FROM devices WHERE status = 'a' ; DROP", 41, "';' has no meaning"),
        ("SELECT * FROM devices WHERE a LIKE 'x%'", 30, "LIKE is not part of the language"),
        ("SELECT * FROM devices WHERE a = 1x", 32, "not a number"),
        ("SELECT * FROM devices WHERE a = 0x", 32, "not a number"),
        ("SELECT * FROM devices WHERE a = 1e999", 32, "not a number"),
        ("SELECT * FROM devices WHERE a = '\\n'", 33, "the escapes are"),
        ("SELECT * FROM devices WHERE a = '\\ud800'", 33, "four hexadecimal"),
        ("SELECT * FROM devices WHERE [[a = 1", 28, "no end"),
        ("SELECT * FROM devices WHERE /* a = 1", 28, "no end"),
        ("SELECT * FROM devices WHERE é = 'x' AND (", 41, "expected a value, not the end"),
    ] {
        let (at, text) = refusal(query);
        assert!(text.contains(reason), "{query}: {text}");
        assert_eq!(at, position, "{query}: {text}");
    }
    assert_eq!(
        refusal("SELECT").1,
        "The query is invalid: at character 7: expected FROM, not the end of the query"
    );
}

#[test]
fn nesting_is_bounded() {
    let query = |open: &str, close: &str, depth: usize| {
        let (open, close) = (open.repeat(depth), close.repeat(depth));
        Query::parse(&format!("SELECT * FROM devices WHERE {open}true{close}"))
    };
    for (open, close) in [("(", ")"), ("NOT ", ""), ("- ", ""), ("is_null(", ")")] {
        assert!(query(open, close, MAX_NESTING).is_ok(), "{open}");
        let error = query(open, close, MAX_NESTING + 1).expect_err(open);
        assert!(error.message.contains("nested deeper"), "{error}");
        assert!(query(open, close, 900).is_err());
    }
}

#[test]
fn length_is_bounded_and_long_queries_take_no_stack() {
    let begin = "SELECT * FROM devices WHERE ";
    for (part, separator) in [("a=1", " OR "), ("a", "+"), ("a=1", " AND "), ("a", "%")] {
        let many = (MAX_QUERY - begin.len() - part.len()) / (part.len() + separator.len());
        let query = format!("{begin}{part}{}", format!("{separator}{part}").repeat(many));
        let query = Query::parse(&query).expect("long, but short enough");
        assert!(!query.matches(&serde_json::json!({ "a": "x" })));
    }
    let list = "1,".repeat(4000);
    assert!(Query::parse(&format!("{begin} a IN [{list}1]")).is_ok());
    let long = format!("{begin}a = '{}'", "x".repeat(64 << 10));
    assert_eq!(refusal(&long).0, MAX_QUERY);
}

/// Every column has a figure for each group, and there may be a group for each device.
#[test]
fn columns_are_bounded() {
    let query = |columns: usize| {
        format!("SELECT {} FROM devices GROUP BY deviceId", vec!["COUNT()"; columns].join(","))
    };
    crate::query::Query::parse(&query(100)).unwrap();
    let error = crate::query::Query::parse(&query(101)).unwrap_err();
    assert_eq!(error.message, "a query has at most 100 columns");
}
