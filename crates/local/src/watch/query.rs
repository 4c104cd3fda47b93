//! What a request asks for: the parameters, and the form of the answer.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use percent_encoding::percent_decode_str;

use super::filter::{Filter, is_of};
use super::form::Form;

/// The longest time that an answer may be asked to stay open.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// What there is to be asked for at an address.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The kinds of entries. With `several`, a request names those that it wants.
    pub kinds: &'a [&'static str],
    /// Whether one answer has entries of several kinds.
    pub several: bool,
    /// The name of the parameter for whom an entry is about: `device` or `client`.
    pub who: &'static str,
    /// Whether devices have modules.
    pub modules: bool,
    /// Whether entries have topics to filter by.
    pub topics: bool,
    /// The types of events, to filter by.
    pub types: &'a [&'static str],
}

/// Where an answer begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Since {
    /// With everything that is kept.
    #[default]
    Kept,
    /// After the entry with this number.
    After(u64),
    /// With what comes from now on.
    Now,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Whether it may have entries of several kinds: each says then of which it is.
    pub several: bool,
    /// The kinds of entries, each with where it begins.
    pub kinds: Vec<(&'static str, Since)>,
    /// Which entries.
    pub filter: Filter,
    /// How long the answer stays open for what comes; `None` for ever.
    pub wait: Option<Duration>,
    /// After so many entries it ends.
    pub limit: Option<u64>,
    /// At most this many entries of each kind per second, the newest ones.
    pub rate: Option<u64>,
    /// Its form.
    pub form: Form,
}

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryError {
    /// There is no such parameter here.
    Unknown(String),
    /// The parameter is there twice.
    Twice(&'static str),
    /// It has another value than it may have.
    Invalid {
        /// Of the parameter or header.
        name: &'static str,
        /// What it must be.
        must: String,
    },
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "there is no parameter {name:?}"),
            Self::Twice(name) => write!(f, "the parameter {name:?} is there twice"),
            Self::Invalid { name, must } => write!(f, "{name} must be {must}"),
        }
    }
}

impl std::error::Error for QueryError {}

/// The parameters of a request, as texts.
#[derive(Default)]
struct Parameters {
    kinds: Option<String>,
    who: Option<String>,
    module: Option<String>,
    topic: Option<String>,
    types: Option<String>,
    since: Option<String>,
    wait: Option<String>,
    limit: Option<String>,
    rate: Option<String>,
    version: Option<String>,
}

impl Asked {
    /// Reads a request. Parameters and headers that are not known are errors and nothing, in this order.
    ///
    /// # Errors
    /// A parameter is not known here, or is not what it must be.
    pub fn read(query: Option<&str>, headers: &HeaderMap, offer: Offer<'_>) -> Result<Self, QueryError> {
        let parameters = Parameters::read(query.unwrap_or_default(), offer)?;
        let accept = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let form = if accept.flat_map(|value| value.split(',')).any(is_event_stream) {
            Form::Events
        } else {
            Form::Lines
        };
        // A browser that has lost its connection shows where it was (HTML Standard, "Server-sent events": `Last-Event-ID`), and
        // asks with the same parameters as before.
        let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
        let (name, since) = match last.filter(|last| !last.is_empty()) {
            Some(last) => ("Last-Event-ID", Some(last)),
            None => ("since", parameters.since.as_deref()),
        };
        let mut kinds = kinds(parameters.kinds.as_deref(), offer)?;
        if let Some(since) = since {
            begin(&mut kinds, since, offer.several).ok_or_else(|| QueryError::Invalid {
                name,
                must: if offer.several {
                    format!("\"now\", or numbers such as \"{}:12\", separated by commas", offer.kinds[0])
                } else {
                    "\"now\" or the number of an entry".to_owned()
                },
            })?;
        }
        let wait = match &parameters.wait {
            Some(wait) => Some(seconds(wait)?),
            None if form == Form::Lines => Some(Duration::ZERO),
            None => None,
        };
        let limit = parameters.limit.as_deref().map(|text| count("limit", text)).transpose()?;
        let rate = parameters.rate.as_deref().map(|text| count("rate", text)).transpose()?;
        let types = types(parameters.types.as_deref(), offer.types)?;
        if parameters.module.is_some() && parameters.who.is_none() {
            return Err(QueryError::Invalid { name: "module", must: "that of a device=".to_owned() });
        }
        let Parameters { who, module, topic, .. } = parameters;
        let filter = Filter { who, module, types, topic };
        Ok(Self { several: offer.several, kinds, filter, wait, limit, rate, form })
    }
}

impl Parameters {
    fn read(query: &str, offer: Offer<'_>) -> Result<Self, QueryError> {
        let mut read = Self::default();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, place): (&'static str, _) = match name {
                "kinds" if offer.several => ("kinds", &mut read.kinds),
                "module" if offer.modules => ("module", &mut read.module),
                "topic" if offer.topics => ("topic", &mut read.topic),
                "type" if !offer.types.is_empty() => ("type", &mut read.types),
                "since" => ("since", &mut read.since),
                "wait" => ("wait", &mut read.wait),
                "limit" => ("limit", &mut read.limit),
                "rate" => ("rate", &mut read.rate),
                // The REST API's, which clients may add to every request.
                "api-version" => ("api-version", &mut read.version),
                name if name == offer.who => (offer.who, &mut read.who),
                name => return Err(QueryError::Unknown(name.chars().take(64).collect())),
            };
            // A plus sign stands for itself: it is a character of device ids.
            let value = percent_decode_str(value).decode_utf8().map(Cow::into_owned);
            let value = value.map_err(|_| QueryError::Invalid { name, must: "UTF-8".to_owned() })?;
            if place.replace(value).is_some() {
                return Err(QueryError::Twice(name));
            }
        }
        Ok(read)
    }
}

fn is_event_stream(accepted: &str) -> bool {
    let media_type = accepted.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("text/event-stream")
}

/// The kinds that are asked for, in the order of the offer; all of them if none is named.
fn kinds(text: Option<&str>, offer: Offer<'_>) -> Result<Vec<(&'static str, Since)>, QueryError> {
    let named: Vec<&str> = match text {
        None => offer.kinds.to_vec(),
        Some(text) => text.split(',').collect(),
    };
    if named.iter().any(|kind| !offer.kinds.contains(kind)) {
        return Err(QueryError::Invalid { name: "kinds", must: offer.kinds.join(",") + " or some of these" });
    }
    let wanted = offer.kinds.iter().filter(|kind| named.contains(kind));
    Ok(wanted.map(|kind| (*kind, Since::default())).collect())
}

/// Sets where the kinds begin; `None` if the text says nothing that can be understood. A kind that is not asked for may be named.
fn begin(kinds: &mut [(&'static str, Since)], text: &str, several: bool) -> Option<()> {
    if text == "now" {
        for kind in kinds {
            kind.1 = Since::Now;
        }
        return Some(());
    }
    if !several {
        let id = number(text)?;
        for kind in kinds {
            kind.1 = Since::After(id);
        }
        return Some(());
    }
    for part in text.split(',') {
        let (name, id) = part.split_once(':')?;
        let since = if id == "now" { Since::Now } else { Since::After(number(id)?) };
        for kind in kinds.iter_mut().filter(|kind| kind.0 == name) {
            kind.1 = since;
        }
    }
    Some(())
}

fn types(text: Option<&str>, known: &[&'static str]) -> Result<Vec<String>, QueryError> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let named: Vec<String> = text.split(',').map(str::to_owned).collect();
    match named.iter().find(|named| !known.iter().any(|known| is_of(known, named))) {
        None => Ok(named),
        Some(_) => Err(QueryError::Invalid {
            name: "type",
            must: format!("of {}, or the first words of these", known.join(",")),
        }),
    }
}

fn seconds(text: &str) -> Result<Duration, QueryError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds =
        text.parse().ok().filter(|_| digits).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let must = || format!("a number of seconds, at most {}", LONGEST_WAIT.as_secs());
    seconds
        .filter(|wait| *wait <= LONGEST_WAIT)
        .ok_or_else(|| QueryError::Invalid { name: "wait", must: must() })
}

fn count(name: &'static str, text: &str) -> Result<u64, QueryError> {
    let must = || "a whole number from 1 on".to_owned();
    number(text).filter(|count| *count > 0).ok_or_else(|| QueryError::Invalid { name, must: must() })
}

/// A whole number of digits alone.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
