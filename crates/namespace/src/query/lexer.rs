//! Words, numbers, texts and signs.

use super::InvalidQuery;

/// A piece of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token<'a> {
    /// A name or keyword; a dot may be in it.
    Word(&'a str),
    /// A whole number.
    Integer(i64),
    /// A text without its quotes.
    Text(String),
    /// `=`, `!=`, `<>`, `<`, `>`, `<=`, `>=`.
    Comparison(Comparison),
    /// `(`, `)`, `[`, `]` or `,`.
    Sign(char),
    /// Nothing more.
    End,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

const COMPARISONS: [(&str, Comparison); 7] = [
    ("!=", Comparison::NotEqual),
    ("<>", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("=", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// Takes one piece after the other off a query.
pub struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next piece, and where it begins.
    pub fn next(&mut self) -> Result<(usize, Token<'a>), InvalidQuery> {
        let rest = self.text[self.at..].trim_start();
        let start = self.text.len() - rest.len();
        let (token, length) =
            read(rest).map_err(|(offset, expected)| InvalidQuery { at: start + offset, expected })?;
        self.at = start + length;
        Ok((start, token))
    }
}

/// The piece at the beginning of `rest`, and its length; or where something else was expected, and what.
fn read(rest: &str) -> Result<(Token<'_>, usize), (usize, &'static str)> {
    let Some(first) = rest.chars().next() else { return Ok((Token::End, 0)) };
    for (sign, comparison) in COMPARISONS {
        if rest.starts_with(sign) {
            return Ok((Token::Comparison(comparison), sign.len()));
        }
    }
    match first {
        '(' | ')' | '[' | ']' | ',' => Ok((Token::Sign(first), 1)),
        '\'' | '"' => text(rest, first),
        '-' | '0'..='9' => {
            let length = 1 + rest[1..].bytes().take_while(u8::is_ascii_alphanumeric).count();
            let number = rest[..length].parse().map_err(|_| (0, "a whole number of 64 bits"))?;
            Ok((Token::Integer(number), length))
        }
        'a'..='z' | 'A'..='Z' | '_' => {
            let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
            let length = rest.bytes().take_while(is_part).count();
            Ok((Token::Word(&rest[..length]), length))
        }
        _ => Err((0, "a name, a value or a comparison")),
    }
}

/// A text in quotes; its own quote is doubled within.
fn text(rest: &str, quote: char) -> Result<(Token<'_>, usize), (usize, &'static str)> {
    let mut value = String::new();
    let mut at = 1;
    loop {
        let Some(length) = rest[at..].find(quote) else { return Err((0, "a text that ends with its quote")) };
        value.push_str(&rest[at..at + length]);
        at += length + 1;
        if !rest[at..].starts_with(quote) {
            return Ok((Token::Text(value), at));
        }
        value.push(quote);
        at += 1;
    }
}
