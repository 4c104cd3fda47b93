//! Secrets as people paste them: in the quotes of a `.env` file, behind `NAME=`, as the JSON that `az` prints, with a
//! byte order mark. What is unambiguous is read; errors show none of the text.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

/// Layers that are taken off, one within the other.
const MAX_LAYERS: usize = 8;

/// What a kind of text looks like.
pub struct Kind {
    /// What it begins with, whatever the case: a name and the character behind it.
    pub starts: &'static [(&'static str, char)],
    /// The member of `az`'s JSON that holds it.
    pub member: &'static str,
}

/// Why a text cannot be taken out of what surrounds it. Shows none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PastedError {
    /// There is a quote at one end alone.
    Quote,
    /// It begins like JSON and is none.
    Json,
    /// The JSON has no such member that is a string, or has several.
    Member {
        /// Its name.
        name: &'static str,
        /// There is more than one.
        several: bool,
    },
}

impl fmt::Display for PastedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quote => f.write_str("it has a quotation mark at one end only; is it complete?"),
            Self::Json => {
                f.write_str("it begins like JSON, but is not JSON; pass only the text, or the complete JSON")
            }
            Self::Member { name, several: false } => write!(f, "the JSON has no string \"{name}\""),
            Self::Member { name, several: true } => {
                write!(f, "the JSON has more than one \"{name}\"; pass one of them")
            }
        }
    }
}

impl std::error::Error for PastedError {}

/// Takes off white space, byte order marks and other invisible characters around a text.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|char: char| char.is_whitespace() || is_invisible(char))
}

/// What editors, browsers and dialogs put into text that nobody sees.
pub fn is_invisible(char: char) -> bool {
    matches!(char, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\0')
}

/// Takes off double quotes around a text, which is trimmed.
pub fn without_quotes(text: &str) -> &str {
    trim(text).strip_prefix('"').and_then(|text| text.strip_suffix('"')).map_or(trim(text), trim)
}

/// The text of a kind, out of whatever surrounds it.
pub fn unwrap<'a>(text: &'a str, kind: &Kind) -> Result<Cow<'a, str>, PastedError> {
    let mut inner = Cow::Borrowed(trim(text));
    for _ in 0..MAX_LAYERS {
        let Some(peeled) = peel(&inner, kind)? else { break };
        inner = Cow::Owned(trim(&peeled).to_owned());
    }
    Ok(inner)
}

/// Takes one layer off; `None` if there is none.
fn peel(text: &str, kind: &Kind) -> Result<Option<String>, PastedError> {
    if begins(text, kind) {
        let unpaired = text.ends_with('"') && text.matches('"').count() % 2 == 1;
        return if unpaired { Err(PastedError::Quote) } else { Ok(None) };
    }
    if text.starts_with(['{', '[']) {
        return member(text, kind).map(Some);
    }
    for (open, close) in [("\\\"", "\\\""), ("\"", "\""), ("'", "'"), ("`", "`"), ("“", "”"), ("‘", "’")]
    {
        if let Some(rest) = text.strip_prefix(open) {
            // As at the end of a statement.
            let rest = rest.trim_end_matches([';', ',', ' ']);
            return rest.strip_suffix(close).map(|inner| Some(inner.to_owned())).ok_or(PastedError::Quote);
        }
    }
    Ok(assigned(text, kind).map(str::to_owned))
}

fn begins(text: &str, kind: &Kind) -> bool {
    kind.starts.iter().any(|(name, next)| {
        let Some((start, rest)) = text.split_at_checked(name.len()) else { return false };
        start.eq_ignore_ascii_case(name) && (rest.starts_with(*next) || rest.trim_start().starts_with(*next))
    })
}

/// What stands behind the `NAME=` of a shell, an environment file, YAML or a program.
fn assigned<'a>(text: &'a str, kind: &Kind) -> Option<&'a str> {
    const COMMANDS: [&str; 7] = ["export ", "set ", "setx ", "ENV ", "-e ", "--env ", "const "];
    let command = COMMANDS.iter().find_map(|command| text.strip_prefix(command));
    let text = command.unwrap_or(text).trim_start();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let text = text.strip_prefix("$env:").or_else(|| text.strip_prefix('$')).unwrap_or(text);
    let is_name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '.' | '-');
    let end = text.find(|char| !is_name(char)).filter(|end| *end > 0)?;
    let rest = text[end..].trim_start();
    // `setx NAME value` and `ENV NAME value` have nothing between.
    let rest = rest.strip_prefix(['=', ':']).or_else(|| command.map(|_| rest))?;
    let value = trim(rest);
    let bare = value.trim_start_matches(['"', '\'', '`', '\\', '“', '‘']);
    (begins(bare, kind) || value.starts_with(['{', '['])).then_some(value)
}

/// The member of `az`'s JSON: of the object, or of the one object in a list, and itself a string or a list of one.
fn member(text: &str, kind: &Kind) -> Result<String, PastedError> {
    let json: Value = serde_json::from_str(text).map_err(|_| PastedError::Json)?;
    let mut found = Vec::new();
    collect(json, kind, &mut found);
    let several = found.len() > 1;
    found.pop().filter(|_| !several).ok_or(PastedError::Member { name: kind.member, several })
}

fn collect(json: Value, kind: &Kind, found: &mut Vec<String>) {
    match json {
        Value::String(text) => found.push(text),
        Value::Array(list) => list.into_iter().for_each(|item| collect(item, kind, found)),
        Value::Object(mut object) => {
            if let Some(value) = object.shift_remove(kind.member) {
                collect(value, kind, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KIND: Kind = Kind { starts: &[("HostName", '='), ("DeviceId", '=')], member: "connectionString" };
    const TEXT: &str = "HostName=h;DeviceId=d;SharedAccessKey=AAEC+/8=";

    fn ways(text: &str) -> Vec<String> {
        let json = format!("{{\"connectionString\": \"{text}\"}}");
        vec![
            text.to_owned(),
            format!("\u{feff}{text}\r\n"),
            format!("\"{text}\""),
            format!("'{text}'"),
            format!("\u{200b}“{text}”"),
            format!("\\\"{text}\\\""),
            format!("'\"{text}\"'"),
            format!("NAME={text}"),
            format!("NAME=\"{text}\"\n"),
            format!("\"NAME={text}\""),
            format!("NAME: '{text}'"),
            format!("export NAME='{text}'"),
            format!("set NAME={text}"),
            format!("set \"NAME={text}\""),
            format!("setx NAME \"{text}\""),
            format!("ENV NAME {text}"),
            format!("$env:NAME = \"{text}\""),
            format!("connection_string = \"{text}\";"),
            format!("const connectionString = '{text}';"),
            json.clone(),
            json.replace('=', "\\u003d"),
            format!("[{json}]"),
            format!("'{json}'"),
            format!("NAME={json}"),
            format!("[{{\"connectionString\": [\"{text}\"], \"name\": \"hub\"}}]"),
            format!("[\"{text}\"]"),
        ]
    }

    #[test]
    fn what_surrounds_a_text_is_taken_off() {
        for way in ways(TEXT) {
            assert_eq!(unwrap(&way, &KIND).as_deref(), Ok(TEXT), "{way}");
        }
        let reversed = "deviceid =d;HostName=h";
        assert_eq!(unwrap(&format!("NAME={reversed}"), &KIND).unwrap(), reversed);
    }

    #[test]
    fn what_is_no_wrapping_stays() {
        for text in
            ["", "=", "NAME=", "NAME=x", "MyHostName=h", "Foo=1;HostName=h", "HostName=h;DeviceId=it's'"]
        {
            assert_eq!(unwrap(text, &KIND).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let member = |several| Err(PastedError::Member { name: "connectionString", several });
        for (text, expected) in [
            (format!("\"{TEXT}"), Err(PastedError::Quote)),
            (format!("{TEXT}\""), Err(PastedError::Quote)),
            (format!("NAME='{TEXT}"), Err(PastedError::Quote)),
            (format!("{{\"connectionString\": \"{TEXT}\""), Err(PastedError::Json)),
            ("{}".to_owned(), member(false)),
            ("{\"connectionString\": null}".to_owned(), member(false)),
            (format!("[\"{TEXT}\", \"{TEXT}\"]"), member(true)),
        ] {
            assert_eq!(unwrap(&text, &KIND).map(Cow::into_owned), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn unwrapping_is_total(any in any::<String>(), near in "(HostName=|\"|'|\\\\|NAME=|[{}:;“ ]|\\[){0,12}") {
            let _ = unwrap(&any, &KIND);
            let _ = unwrap(&near, &KIND);
            let _ = without_quotes(&any);
        }
    }
}
