//! What a JSON Web Token says (RFC 7519), read without a look at its signature: that is the broker's.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use azmqtt_net::excerpt::excerpt;

/// For tokens of Entra ID, on Event Grid namespaces.
pub(crate) const ENTRA: &str = "OAUTH2-JWT";
/// For tokens of any issuer that a namespace knows.
pub(crate) const CUSTOM: &str = "CUSTOM-JWT";
/// For tokens of service accounts, on IoT Operations' broker.
pub(crate) const SERVICE_ACCOUNT: &str = "K8S-SAT";

/// Whom Entra's tokens for Event Grid are for, with or without the slash at its end.
const EVENT_GRID: &str = "https://eventgrid.azure.net";
/// Whom tokens of service accounts are for, unless the broker's configuration says otherwise.
const BROKER_AUDIENCE: &str = "aio-internal";

/// The hosts of Entra's issuers, of Azure and its sovereign clouds.
const ENTRA_ISSUERS: [&str; 5] = [
    "sts.windows.net",
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "sts.chinacloudapi.cn",
    "login.partner.microsoftonline.cn",
];

/// The longest text of a claim that is shown, in characters.
const MAX_CLAIM: usize = 200;
/// Audiences that are looked at.
const MAX_AUDIENCES: usize = 20;
/// What the clocks of an issuer and of a broker may differ by, in seconds.
const LEEWAY: u64 = 60;
/// What a token says, as far as it matters here.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Claims {
    algorithm: Option<String>,
    issuer: Option<String>,
    audiences: Vec<String>,
    subject: Option<String>,
    not_before: Option<u64>,
    expires: Option<u64>,
}

impl Claims {
    /// Reads a token; the error says what is wrong and quotes nothing of it.
    pub(crate) fn read(token: &[u8]) -> Result<Self, &'static str> {
        let text = str::from_utf8(token).map_err(|_| "it is not ASCII")?;
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("it does not have three parts separated by dots");
        };
        let header = part(header).ok_or("its header cannot be read")?;
        let claims = part(claims).ok_or("its claims cannot be read")?;
        let text = |from: &Map<String, Value>, name: &str| from.get(name)?.as_str().map(str::to_owned);
        Ok(Self {
            algorithm: text(&header, "alg"),
            issuer: text(&claims, "iss"),
            audiences: match claims.get("aud") {
                Some(Value::Array(list)) => {
                    list.iter().take(MAX_AUDIENCES).filter_map(|it| it.as_str().map(str::to_owned)).collect()
                }
                _ => text(&claims, "aud").into_iter().collect(),
            },
            subject: text(&claims, "sub"),
            not_before: claims.get("nbf").and_then(seconds),
            expires: claims.get("exp").and_then(seconds),
        })
    }

    /// From when to when it is valid, in Unix seconds. A token that was made a moment ago is valid now, whatever the clocks
    /// say.
    pub(crate) fn times(&self) -> (Option<u64>, Option<u64>) {
        (self.not_before.map(|from| from.saturating_sub(LEEWAY)), self.expires)
    }

    /// What is wrong with its times by a clock that shows `now`, in Unix seconds.
    pub(crate) fn untimely(&self, now: u64) -> Option<String> {
        match self.times() {
            (_, Some(to)) if to <= now => {
                Some(format!("it has expired {} s ago by this machine's clock (exp)", now - to))
            }
            (Some(from), _) if from > now => {
                Some(format!("it becomes valid in {} s by this machine's clock (nbf)", from - now))
            }
            _ => None,
        }
    }

    /// Whose it is and for whom, by name.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let short = |text: &str| excerpt(text, MAX_CLAIM);
        let audience = (!self.audiences.is_empty()).then(|| short(&self.audiences.join(", ")));
        [
            ("issuer", self.issuer.as_deref().map(short)),
            ("audience", audience),
            ("subject", self.subject.as_deref().map(short)),
        ]
        .into_iter()
        .map(|(name, value)| (name, value.unwrap_or_else(|| "none".to_owned())))
        .collect()
    }

    /// What a broker at `host` may not like about it, for a method and an authentication name.
    pub(crate) fn doubts(&self, method: &str, host: &str, username: Option<&str>) -> Vec<String> {
        let mut doubts: Vec<_> = self.wrong_method(method).into_iter().collect();
        let has = |matches: &dyn Fn(&str) -> bool| self.audiences.iter().any(|audience| matches(audience));
        let audience = match method {
            ENTRA if !has(&|it| it.strip_suffix('/').unwrap_or(it) == EVENT_GRID) => {
                Some(format!("{EVENT_GRID}/ ({EVENT_GRID}/.default is the scope to ask for)"))
            }
            CUSTOM if !has(&|it| is_same_host(it, host)) => {
                Some(format!("{host}, or a custom domain of the namespace"))
            }
            SERVICE_ACCOUNT if !has(&|it| it == BROKER_AUDIENCE) => {
                Some(format!("{BROKER_AUDIENCE}, unless the broker's BrokerAuthentication says otherwise"))
            }
            _ => None,
        };
        doubts.extend(audience.map(|expected| format!("the audience (aud) should be {expected}")));
        if method == CUSTOM {
            doubts.extend(self.wrong_for_custom(username));
        }
        if method != SERVICE_ACCOUNT && self.expires.is_none() {
            doubts.push("the token has no expiry (exp)".to_owned());
        }
        doubts
    }

    /// The method that its issuer speaks for, if that is another one.
    fn wrong_method(&self, method: &str) -> Option<String> {
        let (whose, right) = if self.issuer.as_deref().is_some_and(is_entra) {
            ("one of Entra ID", ENTRA)
        } else if self.subject.as_deref().is_some_and(|it| it.starts_with("system:serviceaccount:")) {
            ("one of a Kubernetes service account", SERVICE_ACCOUNT)
        } else {
            ("neither one of Entra ID nor of a service account", CUSTOM)
        };
        (method != right)
            .then(|| format!("the token is {whose}: that is for the method {right}, not {method}"))
    }

    fn wrong_for_custom(&self, username: Option<&str>) -> Vec<String> {
        let mut doubts = Vec::new();
        if self.algorithm.as_deref() != Some("RS256") {
            doubts.push("it should be signed with RS256 (alg)".to_owned());
        }
        match (&self.subject, username) {
            (None, _) => {
                doubts.push("the subject (sub) should be the client's authentication name".to_owned());
            }
            (Some(subject), Some(name)) if subject.to_lowercase() != name.to_lowercase() => {
                doubts.push(
                    "the subject (sub), which is the authentication name, is not the user name".to_owned(),
                );
            }
            (Some(_), _) => {}
        }
        doubts
    }
}

/// What a broker at `host` may not like about the token of a method, in words that hold nothing of it but the names of its
/// claims; `None` if it can be read and looks right, or cannot be read.
pub(crate) fn doubts(
    method: &str,
    token: &[u8],
    host: &str,
    username: Option<&str>,
    now: u64,
) -> Option<String> {
    if ![ENTRA, CUSTOM, SERVICE_ACCOUNT].contains(&method) {
        return None;
    }
    let claims = Claims::read(token).ok()?;
    let doubts: Vec<_> =
        claims.untimely(now).into_iter().chain(claims.doubts(method, host, username)).collect();
    (!doubts.is_empty()).then(|| doubts.join("; "))
}

fn is_entra(issuer: &str) -> bool {
    let host = issuer.strip_prefix("https://").and_then(|rest| rest.split('/').next());
    host.is_some_and(|host| ENTRA_ISSUERS.iter().any(|known| host.eq_ignore_ascii_case(known)))
}

fn part(text: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// A time in seconds since 1970, which may have a fraction (RFC 7519 §2, "Numeric Date").
fn seconds(value: &Value) -> Option<u64> {
    let fraction = || value.as_f64().filter(|it| (0.0..1e15).contains(it));
    #[expect(clippy::cast_sign_loss, reason = "it is not negative")]
    value.as_u64().or_else(|| fraction().map(|it| it as u64))
}

/// Whether an audience names the host: alone, as a URL, or with a slash at its end.
fn is_same_host(audience: &str, host: &str) -> bool {
    let name = audience.strip_prefix("https://").unwrap_or(audience);
    name.strip_suffix('/').unwrap_or(name).eq_ignore_ascii_case(host)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const HOST: &str = "ns.westeurope-1.ts.eventgrid.azure.net";

    fn token(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(header), part(claims))
    }

    fn claims(claims: &Value) -> Claims {
        Claims::read(token(&json!({"alg": "RS256"}), claims).as_bytes()).unwrap()
    }

    #[test]
    fn claims_are_read() {
        let read = claims(&json!({"iss": "i", "aud": ["a", 5, "b"], "sub": "s", "nbf": 1.5, "exp": 2000}));
        assert_eq!(read.times(), (Some(0), Some(2000)));
        let facts = [("issuer", "i"), ("audience", "a, b"), ("subject", "s")];
        assert_eq!(read.facts(), facts.map(|(name, value)| (name, value.to_owned())));
        for bad in ["", "a.b", "a.b.c", "a.b.c.d", "e30.W10.c", "é"] {
            assert!(Claims::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_entra_token() {
        let entra = |audience: &str| {
            let issuer = "https://sts.windows.net/0f0/";
            claims(&json!({"iss": issuer, "aud": audience, "sub": "s", "exp": 2000}))
        };
        for audience in ["https://eventgrid.azure.net", "https://eventgrid.azure.net/"] {
            assert_eq!(entra(audience).doubts(ENTRA, HOST, None), Vec::<String>::new());
        }
        let [doubt] = entra("https://management.azure.com/").doubts(ENTRA, HOST, None).try_into().unwrap();
        assert!(doubt.contains("https://eventgrid.azure.net/.default"), "{doubt}");
        let doubts = entra("https://eventgrid.azure.net/").doubts(CUSTOM, HOST, None).join("; ");
        assert!(doubts.contains("method OAUTH2-JWT, not CUSTOM-JWT") && doubts.contains(HOST), "{doubts}");
    }

    #[test]
    fn a_custom_token() {
        let custom = |change: Value| {
            let mut all = json!({"iss": "https://id.contoso.com", "aud": HOST, "sub": "dev1", "exp": 2000});
            all.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            claims(&all)
        };
        assert_eq!(custom(json!({})).doubts(CUSTOM, HOST, Some("DEV1")), Vec::<String>::new());
        let slash = json!({"aud": ["x", format!("{HOST}/")]});
        assert_eq!(custom(slash).doubts(CUSTOM, HOST, None), Vec::<String>::new());
        for (change, username, expected) in [
            (json!({"aud": "x"}), None, "audience"),
            (json!({"exp": null}), None, "exp"),
            (json!({"sub": null}), None, "sub"),
            (json!({}), Some("dev2"), "not the user name"),
        ] {
            let [doubt] = custom(change).doubts(CUSTOM, HOST, username).try_into().unwrap();
            assert!(doubt.contains(expected), "{doubt}");
        }
        let doubts = custom(json!({})).doubts(ENTRA, HOST, None).join("; ");
        assert!(doubts.contains("method CUSTOM-JWT, not OAUTH2-JWT"), "{doubts}");
    }

    #[test]
    fn a_service_account_s_token() {
        let account = |audience: &str| {
            let subject = "system:serviceaccount:default:app";
            claims(&json!({"iss": "https://kubernetes.default.svc", "aud": [audience], "sub": subject}))
        };
        assert_eq!(account("aio-internal").doubts(SERVICE_ACCOUNT, "aio-broker", None), Vec::<String>::new());
        let [doubt] = account("api").doubts(SERVICE_ACCOUNT, "aio-broker", None).try_into().unwrap();
        assert!(doubt.contains("aio-internal"), "{doubt}");
        assert!(account("x").doubts(CUSTOM, HOST, None)[0].contains("method K8S-SAT"));
    }

    #[test]
    fn what_is_wrong_is_named_and_nothing_shown() {
        let text =
            token(&json!({"alg": "RS256"}), &json!({"aud": "s3cret", "sub": "d", "nbf": 500, "exp": 1000}));
        let doubts = |now| doubts(CUSTOM, text.as_bytes(), HOST, Some("d"), now);
        let audience = format!("the audience (aud) should be {HOST}, or a custom domain of the namespace");
        assert_eq!(doubts(900), Some(audience.clone()));
        let late = format!("it has expired 60 s ago by this machine's clock (exp); {audience}");
        assert_eq!(doubts(1060), Some(late));
        let early = format!("it becomes valid in 40 s by this machine's clock (nbf); {audience}");
        assert_eq!(doubts(400), Some(early));
        assert_eq!(super::doubts("SCRAM", text.as_bytes(), HOST, None, 1060), None);
        assert_eq!(super::doubts(CUSTOM, b"s3cret", HOST, None, 1060), None);
    }

    #[test]
    fn an_audience_that_is_the_host() {
        assert!(is_same_host(&format!("https://{HOST}/"), HOST) && !is_same_host("localhost", HOST));
    }

    proptest! {
        #[test]
        fn reading_is_total(bytes in prop::collection::vec(any::<u8>(), 0..200), claims in "\\PC{0,100}") {
            let _ = Claims::read(&bytes);
            let text = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims));
            let _ = Claims::read(text.as_bytes()).map(|read| read.doubts(CUSTOM, HOST, None));
        }
    }
}
