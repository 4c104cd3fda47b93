use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode};
use proptest::prelude::*;

use super::secret::Secret;
use super::*;

fn page() -> Page {
    let page = Page::new("my.hub", "hub");
    page.listens_on(8443);
    page
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn code(page: &Page, now: Instant) -> String {
    let link = page.make_link(now).unwrap();
    link.strip_prefix("https://localhost:8443/#open=").unwrap().to_owned()
}

fn token(page: &Page) -> String {
    let now = Instant::now();
    page.redeem(&code(page, now), now).unwrap().unwrap()
}

#[test]
fn a_link_is_good_once() {
    let (page, now) = (page(), Instant::now());
    let code = code(&page, now);
    assert!(page.redeem(&code, now).unwrap().is_some());
    assert!(page.redeem(&code, now).unwrap().is_none());
}

#[test]
fn a_session_tells_what_the_page_is_of() {
    let (page, now) = (page().telling("resource_id", "/subscriptions/…"), Instant::now());
    let request = format!(r#"{{"code": "{}"}}"#, code(&page, now));
    let session = page.begin_session(request.as_bytes(), &["events"], now).unwrap().unwrap();
    assert_eq!(session["records"], serde_json::json!(["events"]));
    assert_eq!(
        (&session["kind"], &session["hostname"], &session["resource_id"]),
        (&"hub".into(), &"my.hub".into(), &"/subscriptions/…".into())
    );
    let bearer = format!("Bearer {}", session["token"].as_str().unwrap());
    page.check(&headers(&[("host", "localhost:8443"), ("authorization", &bearer)])).unwrap();
    for over in [request.as_bytes(), b"", b"{}", b"[]", b"\xff", br#"{"code": 7}"#, br#"{"code": ""}"#] {
        assert!(page.begin_session(over, &[], now).unwrap().is_none());
    }
}

#[test]
fn a_link_is_good_for_a_minute() {
    let (page, now) = (page(), Instant::now());
    let (in_time, late) = (code(&page, now), code(&page, now));
    assert!(page.redeem(&in_time, now + Duration::from_millis(59_999)).unwrap().is_some());
    assert!(page.redeem(&late, now + Duration::from_secs(60)).unwrap().is_none());
}

#[test]
fn what_was_given_out_is_bounded_and_the_oldest_goes() {
    let (page, now) = (page(), Instant::now());
    let codes: Vec<_> = (0..=MAX_LINKS).map(|_| code(&page, now)).collect();
    assert!(page.redeem(&codes[0], now).unwrap().is_none());
    assert!(page.redeem(&codes[1], now).unwrap().is_some());
    let tokens: Vec<_> = (0..=MAX_TOKENS).map(|_| token(&page)).collect();
    let good = |token: &String| {
        let bearer = format!("Bearer {token}");
        page.check(&headers(&[("host", "localhost:8443"), ("authorization", &bearer)])).is_ok()
    };
    assert!(!good(&tokens[0]));
    assert!(tokens[1..].iter().all(good));
}

#[test]
fn a_token_is_good_from_the_page_itself_alone() {
    let page = page();
    let bearer = format!("bearer {}", token(&page));
    let check = |more: &[(&'static str, &str)]| {
        let mut all = headers(&[("authorization", &bearer)]);
        all.extend(headers(more));
        page.check(&all)
    };
    for good in [
        &[("host", "localhost:8443")][..],
        &[("host", "My.Hub:8443"), ("origin", "https://my.hub:8443"), ("sec-fetch-site", "same-origin")],
        &[("host", "127.0.0.1:8443"), ("origin", "https://127.0.0.1:8443")],
        &[("host", "[::1]:8443"), ("sec-fetch-site", "none")],
    ] {
        assert_eq!(check(good), Ok(()), "{good:?}");
    }
    for bad in [
        &[][..],
        &[("host", "localhost")],
        &[("host", "localhost:8444")],
        &[("host", "evil.example:8443")],
        &[("host", "localhost.evil.example:8443")],
        &[("host", "localhost:8443"), ("host", "localhost:8443")],
        &[("host", "localhost:8443"), ("origin", "http://localhost:8443")],
        &[("host", "localhost:8443"), ("origin", "https://localhost:9000")],
        // Both are the page's, but not the same.
        &[("host", "localhost:8443"), ("origin", "https://127.0.0.1:8443")],
        &[("host", "localhost:8443"), ("origin", "null")],
        &[("host", "localhost:8443"), ("origin", "https://localhost:8443/")],
        &[("host", "localhost:8443"), ("sec-fetch-site", "same-site")],
        &[("host", "localhost:8443"), ("sec-fetch-site", "cross-site")],
    ] {
        assert!(check(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn nothing_but_a_token_authorises() {
    let page = page();
    let token = token(&page);
    for authorization in [
        format!("Bearer {}", "0".repeat(32)),
        format!("Bearer {}", token.to_uppercase()),
        format!("Bearer {token}0"),
        "Bearer ".to_owned(),
        "Bearer".to_owned(),
        token.clone(),
        format!("Basic {token}"),
    ] {
        let all = headers(&[("host", "localhost:8443"), ("authorization", &authorization)]);
        assert!(page.check(&all).is_err(), "{authorization}");
    }
    let cookie = format!("token={token}");
    assert!(page.check(&headers(&[("host", "localhost:8443"), ("cookie", &cookie)])).is_err());
    assert!(!format!("{page:?}").contains(&token));
}

#[test]
fn port_443_is_left_out() {
    let page = Page::new("my.hub", "hub");
    page.listens_on(443);
    assert!(page.make_link(Instant::now()).unwrap().starts_with("https://localhost/#open="));
    page.check_place(&headers(&[("host", "localhost"), ("origin", "https://localhost")])).unwrap();
}

#[test]
fn before_it_listens_it_answers_nobody() {
    let page = Page::new("my.hub", "hub");
    assert!(page.make_link(Instant::now()).is_err());
    assert!(page.check_place(&headers(&[("host", "localhost:0")])).is_err());
}

#[test]
fn files_come_with_headers_that_keep_others_out() {
    let (page, here) =
        (page(), headers(&[("host", "localhost:8443"), ("origin", "https://elsewhere.example")]));
    for path in ["/", "/assets/app.js", "/assets/app.css"] {
        let answer = file(&page, path, &here);
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"));
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    }
    assert_eq!(file(&page, "/assets/../Cargo.toml", &here).status(), StatusCode::NOT_FOUND);
    let rebound = headers(&[("host", "evil.example:8443")]);
    assert_eq!(file(&page, "/", &rebound).status(), StatusCode::MISDIRECTED_REQUEST);
}

proptest! {
    #[test]
    fn only_its_own_text_is_a_secret(text in "[0-9a-fA-F+]{30,34}") {
        if let Some(secret) = Secret::from_hex(&text) {
            prop_assert_eq!(secret.to_hex(), text);
        }
    }

    #[test]
    fn secrets_differ_by_any_bit(bits: u128, bit in 0..128_u32) {
        let secret = |bits: u128| Secret::from_hex(&format!("{bits:032x}")).unwrap();
        prop_assert!(secret(bits) == secret(bits));
        prop_assert!(secret(bits) != secret(bits ^ (1 << bit)));
    }
}
