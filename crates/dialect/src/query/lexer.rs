//! The text of a query, cut into words.

use super::MAX_QUERY;
use super::error::QueryError;

/// A part of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// A name or a keyword.
    Word(String),
    /// `[[name]]`: a name and never a keyword.
    Name(String),
    /// `'text'`
    Text(String),
    Number(f64),
    /// An operator or a mark.
    Symbol(&'static str),
    /// Behind the last one.
    End,
}

impl Token {
    /// As an error names it.
    pub fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("'{word}'"),
            Self::Name(name) => format!("'[[{name}]]'"),
            Self::Text(_) => "a text".to_owned(),
            Self::Number(_) => "a number".to_owned(),
            Self::Symbol(symbol) => format!("'{symbol}'"),
            Self::End => "the end of the query".to_owned(),
        }
    }
}

/// Longer ones first.
const SYMBOLS: [&str; 18] =
    ["<>", "!=", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", "."];

/// All tokens, each with its position in characters; the last one is [`Token::End`].
pub fn cut(text: &str) -> Result<Vec<(usize, Token)>, QueryError> {
    // No more than this is looked at, however much was sent.
    let chars: Vec<char> = text.chars().take(MAX_QUERY + 1).collect();
    if chars.len() > MAX_QUERY {
        return Err(QueryError::new(MAX_QUERY, format!("a query has at most {MAX_QUERY} characters")));
    }
    let mut lexer = Lexer { chars, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip()?;
        let at = lexer.at;
        let token = lexer.next()?;
        let last = token == Token::End;
        tokens.push((at, token));
        if last {
            return Ok(tokens);
        }
    }
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn starts_with(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(ahead, c)| self.peek(ahead) == Some(c))
    }

    /// Passes over what separates tokens: spaces and `/* comments */`.
    fn skip(&mut self) -> Result<(), QueryError> {
        loop {
            while self.peek(0).is_some_and(char::is_whitespace) {
                self.at += 1;
            }
            if !self.starts_with("/*") {
                return Ok(());
            }
            let begin = self.at;
            self.at += 2;
            while !self.starts_with("*/") {
                if self.peek(0).is_none() {
                    return Err(QueryError::new(begin, "the comment has no end"));
                }
                self.at += 1;
            }
            self.at += 2;
        }
    }

    fn next(&mut self) -> Result<Token, QueryError> {
        let Some(first) = self.peek(0) else { return Ok(Token::End) };
        if first == '\'' || first == '"' {
            return self.text(first);
        }
        if first.is_ascii_digit() {
            return self.number();
        }
        if is_word(first) {
            return Ok(Token::Word(self.take_while(is_word)));
        }
        if self.starts_with("[[") {
            return self.name();
        }
        let symbol = SYMBOLS.iter().find(|symbol| self.starts_with(symbol));
        let symbol =
            symbol.ok_or_else(|| QueryError::new(self.at, format!("{first:?} has no meaning here")))?;
        self.at += symbol.len();
        Ok(Token::Symbol(symbol))
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let begin = self.at;
        while self.peek(0).is_some_and(&belongs) {
            self.at += 1;
        }
        self.chars[begin..self.at].iter().collect()
    }

    fn name(&mut self) -> Result<Token, QueryError> {
        let begin = self.at;
        self.at += 2;
        let mut name = String::new();
        while !self.starts_with("]]") {
            let c = self.peek(0).ok_or_else(|| QueryError::new(begin, "the name has no end: ]]"))?;
            name.push(c);
            self.at += 1;
        }
        self.at += 2;
        if name.is_empty() {
            return Err(QueryError::new(begin, "the name is empty"));
        }
        Ok(Token::Name(name))
    }

    fn text(&mut self, quote: char) -> Result<Token, QueryError> {
        let begin = self.at;
        let mut text = String::new();
        loop {
            self.at += 1;
            match self.peek(0) {
                None => return Err(QueryError::new(begin, "the text has no closing quotation mark")),
                Some(c) if c == quote => break,
                Some('\\') => text.push(self.escape()?),
                Some(c) => text.push(c),
            }
        }
        self.at += 1;
        Ok(Token::Text(text))
    }

    /// `\'`, `\"`, `\\`, `\uXXXX`; stays on its last character.
    fn escape(&mut self) -> Result<char, QueryError> {
        let begin = self.at;
        self.at += 1;
        match self.peek(0) {
            Some(c @ ('\'' | '"' | '\\')) => Ok(c),
            Some('u') => {
                let digits = (1..=4).map(|ahead| self.peek(ahead).and_then(|c| c.to_digit(16)));
                let code = digits.collect::<Option<Vec<u32>>>().map(|digits| {
                    self.at += 4;
                    digits.iter().fold(0, |code, digit| code * 16 + digit)
                });
                // Half of a surrogate pair is not a character; the other half would have to follow.
                code.and_then(char::from_u32).ok_or_else(|| {
                    QueryError::new(begin, "\\u needs the four hexadecimal digits of a character")
                })
            }
            _ => Err(QueryError::new(begin, "the escapes are \\' \\\" \\\\ and \\uXXXX")),
        }
    }

    fn number(&mut self) -> Result<Token, QueryError> {
        let begin = self.at;
        let mut digits = self.take_while(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
        if digits.ends_with(['e', 'E']) && matches!(self.peek(0), Some('+' | '-')) {
            digits.extend(self.peek(0));
            self.at += 1;
            digits.push_str(&self.take_while(|c| c.is_ascii_alphanumeric()));
        }
        let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            #[expect(clippy::cast_precision_loss, reason = "as every number of the language")]
            Some(hex) if !hex.starts_with('+') => u64::from_str_radix(hex, 16).ok().map(|n| n as f64),
            Some(_) => None,
            None => digits.parse().ok().filter(|number: &f64| number.is_finite()),
        };
        number.map(Token::Number).ok_or_else(|| QueryError::new(begin, format!("{digits} is not a number")))
    }
}

/// What names are made of; properties of the service begin with `$`.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}
