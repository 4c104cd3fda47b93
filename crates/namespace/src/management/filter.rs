//! `$filter` of a list: which names are wanted (`OData` 4.01, part 2, §5.1.1; of it the service takes `contains`, `eq`, `ne`,
//! `and`, `or`, `not` on `name`).
//!
//! ```text
//! contains(name, 'pump') and not (name eq 'pump-1' or name ne 'pump-2')
//! ```

use std::fmt;

/// Bytes of a filter.
const LONGEST: usize = 4096;
/// Parentheses and negations within each other.
const DEEPEST: usize = 32;

/// Which names are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// `contains(name, '…')`, in any case.
    Contains(String),
    /// `name eq '…'`.
    Is(String),
    /// `not …`.
    Not(Box<Filter>),
    /// `… and …`.
    All(Vec<Filter>),
    /// `… or …`.
    Any(Vec<Filter>),
}

/// Why a text is no filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidFilter {
    /// Where, in bytes from the beginning.
    at: usize,
    /// What was expected there.
    expected: &'static str,
}

impl fmt::Display for InvalidFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "$filter: expected {} at {}", self.expected, self.at)
    }
}

impl std::error::Error for InvalidFilter {}

impl Filter {
    /// Reads a filter.
    pub fn parse(text: &str) -> Result<Self, InvalidFilter> {
        if text.len() > LONGEST {
            return Err(InvalidFilter { at: LONGEST, expected: "no more than 4,096 bytes" });
        }
        let mut parser = Parser { text, at: 0, depth: 0 };
        let filter = parser.any()?;
        parser.skip_space();
        if parser.at < text.len() { Err(parser.expected("and, or, or the end")) } else { Ok(filter) }
    }

    /// Whether the name is wanted. Names are the same in any case.
    pub fn wants(&self, name: &str) -> bool {
        match self {
            Self::Contains(part) => name.to_lowercase().contains(&part.to_lowercase()),
            Self::Is(whole) => name.to_lowercase() == whole.to_lowercase(),
            Self::Not(filter) => !filter.wants(name),
            Self::All(filters) => filters.iter().all(|filter| filter.wants(name)),
            Self::Any(filters) => filters.iter().any(|filter| filter.wants(name)),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Filter, InvalidFilter> {
        let mut filters = vec![self.all()?];
        while self.word("or") {
            filters.push(self.all()?);
        }
        Ok(one_or(filters, Filter::Any))
    }

    fn all(&mut self) -> Result<Filter, InvalidFilter> {
        let mut filters = vec![self.term()?];
        while self.word("and") {
            filters.push(self.term()?);
        }
        Ok(one_or(filters, Filter::All))
    }

    fn term(&mut self) -> Result<Filter, InvalidFilter> {
        if self.depth == DEEPEST {
            return Err(self.expected("no more than 32 parentheses within each other"));
        }
        self.depth += 1;
        let term = self.inner_term();
        self.depth -= 1;
        term
    }

    fn inner_term(&mut self) -> Result<Filter, InvalidFilter> {
        if self.word("not") {
            return Ok(Filter::Not(Box::new(self.term()?)));
        }
        if self.sign('(') {
            let filter = self.any()?;
            return if self.sign(')') { Ok(filter) } else { Err(self.expected(")")) };
        }
        if self.word("contains") {
            self.need('(', "(")?;
            self.name()?;
            self.need(',', ",")?;
            let part = self.quoted()?;
            self.need(')', ")")?;
            return Ok(Filter::Contains(part));
        }
        self.name()?;
        if self.word("eq") {
            return self.quoted().map(Filter::Is);
        }
        if self.word("ne") {
            return self.quoted().map(|text| Filter::Not(Box::new(Filter::Is(text))));
        }
        Err(self.expected("eq or ne"))
    }

    fn name(&mut self) -> Result<(), InvalidFilter> {
        if self.word("name") { Ok(()) } else { Err(self.expected("name, contains, not or (")) }
    }

    /// A text in quotes, one within it doubled.
    fn quoted(&mut self) -> Result<String, InvalidFilter> {
        self.need('\'', "a text in quotes")?;
        let mut text = String::new();
        loop {
            let Some(end) = self.text[self.at..].find('\'') else { return Err(self.expected("'")) };
            text.push_str(&self.text[self.at..self.at + end]);
            self.at += end + 1;
            if !self.text[self.at..].starts_with('\'') {
                return Ok(text);
            }
            text.push('\'');
            self.at += 1;
        }
    }

    /// Takes a word, in any case, if it is next.
    fn word(&mut self, word: &str) -> bool {
        self.skip_space();
        let rest = &self.text.as_bytes()[self.at..];
        let is_next = rest.get(..word.len()).is_some_and(|next| next.eq_ignore_ascii_case(word.as_bytes()))
            && !rest.get(word.len()).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    fn sign(&mut self, sign: char) -> bool {
        self.skip_space();
        let is_next = self.text[self.at..].starts_with(sign);
        if is_next {
            self.at += sign.len_utf8();
        }
        is_next
    }

    fn need(&mut self, sign: char, expected: &'static str) -> Result<(), InvalidFilter> {
        if self.sign(sign) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches(' ').len();
    }

    fn expected(&self, expected: &'static str) -> InvalidFilter {
        InvalidFilter { at: self.at, expected }
    }
}

fn one_or(mut filters: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match filters.len() {
        1 => filters.remove(0),
        _ => many(filters),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn filters_choose_by_name() {
        for (filter, name, wanted) in [
            ("name eq 'pump'", "PUMP", true),
            ("name ne 'pump'", "pump", false),
            ("contains(namE, 'UM') and name ne 'pump-1'", "pump-2", true),
            ("contains(name,'UM') and name ne 'pump-1'", "pump-1", false),
            ("not contains(name, 'a') or name eq 'a'", "a", true),
            ("not (contains(name, 'a') or name eq 'b')", "b", false),
            ("name eq 'a' or name eq 'b' and name eq 'c'", "a", true),
            ("name eq 'it''s'", "it's", true),
        ] {
            assert_eq!(Filter::parse(filter).unwrap().wants(name), wanted, "{filter} of {name}");
        }
    }

    #[test]
    fn others_are_refused() {
        let deep = format!("{}name eq 'a'{}", "(".repeat(40), ")".repeat(40));
        let long = format!("name eq '{}'", "x".repeat(5000));
        for filter in [
            "",
            "name",
            "name eq",
            "name eq a",
            "name eq 'a",
            "name gt 'a'",
            "description eq 'a'",
            "name eq 'a' b",
            "contains(name 'a')",
            "(name eq 'a'",
            "not",
            "nameeq 'a'",
            &deep,
            &long,
        ] {
            assert!(Filter::parse(filter).is_err(), "{filter}");
        }
    }

    proptest! {
        #[test]
        fn reading_is_total(text in "\\PC{0,60}", words in "(name|eq|ne|not|and|or|contains|\\(|\\)|,|'a''?'| ){0,30}") {
            let _ = Filter::parse(&text);
            if let Ok(filter) = Filter::parse(&words) {
                prop_assert_ne!(filter.wants("a"), Filter::Not(Box::new(filter.clone())).wants("a"));
            }
        }
    }
}
