//! Names that the service gave: they are written in any case, and functions among them are those of twins and jobs.

use super::ast::{Function, Kind, Path, Source};
use crate::twin::MEMBERS;

/// Words with a meaning of their own; a property of that name is written `[[group]]`.
const RESERVED: [&str; 11] =
    ["select", "top", "from", "where", "group", "by", "and", "or", "not", "in", "nin"];

pub fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|reserved| word.eq_ignore_ascii_case(reserved))
}

/// Properties of what a job did to a device.
const JOB: [&str; 11] = [
    "deviceId",
    "moduleId",
    "jobId",
    "jobType",
    "status",
    "startTimeUtc",
    "endTimeUtc",
    "createdDateTimeUtc",
    "lastUpdatedDateTimeUtc",
    "outcome",
    "error",
];

const SECTIONS: [&str; 2] = ["desired", "reported"];

/// A path without the source's name in front, and with the service's names in its spelling.
pub fn canonical(source: Source, mut names: Vec<String>) -> Path {
    let of_source = source.name().split('.').count();
    let prefix = source.name().split('.');
    if names.len() > of_source && names.iter().zip(prefix).all(|(name, part)| name.eq_ignore_ascii_case(part))
    {
        names.drain(..of_source);
    }
    let known: &[&str] = if source == Source::Jobs { &JOB } else { &MEMBERS };
    if let Some(first) = names.first_mut() {
        respell(first, known);
        // The documentation's own example has the shorter name.
        if source == Source::Jobs && first.eq_ignore_ascii_case("createdTimeUtc") {
            "createdDateTimeUtc".clone_into(first);
        }
        if first == "properties"
            && let Some(second) = names.get_mut(1)
        {
            respell(second, &SECTIONS);
        }
    }
    Path(names)
}

fn respell(name: &mut String, known: &[&str]) {
    if let Some(spelling) = known.iter().find(|known| name.eq_ignore_ascii_case(known)) {
        (*spelling).clone_into(name);
    }
}

/// Functions that twins and jobs have: `IS_DEFINED` by the documentation, `STARTSWITH` and `ENDSWITH` by what users of the
/// service report, the others because nothing speaks against them.
const FUNCTIONS: [(&str, Function, usize); 10] = [
    ("IS_DEFINED", Function::IsDefined, 1),
    ("IS_ARRAY", Function::Is(Kind::Array), 1),
    ("IS_BOOL", Function::Is(Kind::Bool), 1),
    ("IS_NULL", Function::Is(Kind::Null), 1),
    ("IS_NUMBER", Function::Is(Kind::Number), 1),
    ("IS_OBJECT", Function::Is(Kind::Object), 1),
    ("IS_PRIMITIVE", Function::Is(Kind::Primitive), 1),
    ("IS_STRING", Function::Is(Kind::String), 1),
    ("STARTSWITH", Function::StartsWith, 2),
    ("ENDSWITH", Function::EndsWith, 2),
];

/// Functions that only conditions of message routes have.
const OF_ROUTES: [&str; 18] = [
    "ABS",
    "EXP",
    "POWER",
    "SQUARE",
    "CEILING",
    "FLOOR",
    "SIGN",
    "SQRT",
    "AS_NUMBER",
    "CONCAT",
    "LENGTH",
    "LOWER",
    "UPPER",
    "SUBSTRING",
    "INDEX_OF",
    "STARTS_WITH",
    "ENDS_WITH",
    "CONTAINS",
];

/// The function and how many values it takes; or why there is none.
pub fn function(name: &str) -> Result<(Function, usize), String> {
    let found = FUNCTIONS.iter().find(|(known, ..)| name.eq_ignore_ascii_case(known));
    if let Some((_, function, arity)) = found {
        return Ok((*function, *arity));
    }
    let name = name.to_ascii_uppercase();
    Err(match name.as_str() {
        "STARTS_WITH" | "ENDS_WITH" => {
            let instead = name.replace('_', "");
            format!("{name} is a function of message routes; for twins use {instead}")
        }
        "COUNT" | "AVG" | "SUM" | "MIN" | "MAX" => format!("{name} is allowed only in the SELECT clause"),
        name if OF_ROUTES.contains(&name) => {
            format!("{name} is a function of message routes, not of twins and jobs")
        }
        name => format!("unknown function {name}"),
    })
}

pub fn function_name(function: Function) -> &'static str {
    FUNCTIONS.iter().find(|(_, known, _)| *known == function).map_or("", |(name, ..)| name)
}
