//! From the pieces of a query to its conditions.

use super::lexer::{Comparison, Lexer, Token};
use super::{InvalidQuery, MAX_DEPTH};
use crate::attributes::is_valid_key;

/// What a query says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// One of them holds.
    Any(Vec<Condition>),
    /// All of them hold.
    All(Vec<Condition>),
    /// The value compares like this.
    Compare(Operand, Comparison, Literal),
    /// The value is one of these.
    In(Operand, Vec<Literal>),
}

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    AuthenticationName,
    /// The attribute with this key.
    Attribute(Box<str>),
}

/// What it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    Integer(i64),
    Text(String),
}

pub fn parse(text: &str) -> Result<Condition, InvalidQuery> {
    let mut parser = Parser::new(text)?;
    let condition = parser.any(0)?;
    match parser.token {
        Token::End => Ok(condition),
        _ => Err(parser.expected("and, or, or the end")),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The next piece, and where it begins.
    token: Token<'a>,
    at: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self, InvalidQuery> {
        let mut parser = Self { lexer: Lexer::new(text), token: Token::End, at: 0 };
        parser.advance()?;
        Ok(parser)
    }

    fn advance(&mut self) -> Result<Token<'a>, InvalidQuery> {
        let (at, token) = self.lexer.next()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn expected(&self, expected: &'static str) -> InvalidQuery {
        InvalidQuery { at: self.at, expected }
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.token, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn sign(&mut self, sign: char, expected: &'static str) -> Result<(), InvalidQuery> {
        if self.token != Token::Sign(sign) {
            return Err(self.expected(expected));
        }
        self.advance().map(drop)
    }

    /// `all or all …`
    fn any(&mut self, depth: usize) -> Result<Condition, InvalidQuery> {
        let mut conditions = vec![self.all(depth)?];
        while self.is_keyword("or") {
            self.advance()?;
            conditions.push(self.all(depth)?);
        }
        Ok(one_or(conditions, Condition::Any))
    }

    /// `condition and condition …`
    fn all(&mut self, depth: usize) -> Result<Condition, InvalidQuery> {
        let mut conditions = vec![self.condition(depth)?];
        while self.is_keyword("and") {
            self.advance()?;
            conditions.push(self.condition(depth)?);
        }
        Ok(one_or(conditions, Condition::All))
    }

    fn condition(&mut self, depth: usize) -> Result<Condition, InvalidQuery> {
        if self.token == Token::Sign('(') {
            if depth == MAX_DEPTH {
                return Err(self.expected("no more than 32 parentheses within each other"));
            }
            self.advance()?;
            let inner = self.any(depth + 1)?;
            self.sign(')', ") or another condition")?;
            return Ok(inner);
        }
        let operand = self.operand()?;
        if self.is_keyword("in") {
            self.advance()?;
            return Ok(Condition::In(operand, self.list()?));
        }
        let Token::Comparison(comparison) = self.token else {
            return Err(self.expected("a comparison or IN"));
        };
        self.advance()?;
        let at = self.at;
        let literal = self.literal()?;
        let is_order = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        if is_order && matches!(literal, Literal::Text(_)) {
            return Err(InvalidQuery { at, expected: "a whole number" });
        }
        Ok(Condition::Compare(operand, comparison, literal))
    }

    fn operand(&mut self) -> Result<Operand, InvalidQuery> {
        const EXPECTED: &str = "attributes.KEY or authenticationName";
        let Token::Word(word) = self.token else { return Err(self.expected(EXPECTED)) };
        let operand = match word.split_once('.') {
            None if word.eq_ignore_ascii_case("authenticationName") => Operand::AuthenticationName,
            Some((prefix, key)) if prefix.eq_ignore_ascii_case("attributes") && is_valid_key(key) => {
                Operand::Attribute(key.into())
            }
            _ => return Err(self.expected(EXPECTED)),
        };
        self.advance()?;
        Ok(operand)
    }

    /// `[literal, literal …]`
    fn list(&mut self) -> Result<Vec<Literal>, InvalidQuery> {
        self.sign('[', "[")?;
        let mut literals = vec![self.literal()?];
        while self.token == Token::Sign(',') {
            self.advance()?;
            literals.push(self.literal()?);
        }
        self.sign(']', "] or ,")?;
        Ok(literals)
    }

    fn literal(&mut self) -> Result<Literal, InvalidQuery> {
        match &mut self.token {
            Token::Integer(number) => {
                let literal = Literal::Integer(*number);
                self.advance()?;
                Ok(literal)
            }
            Token::Text(text) => {
                let literal = Literal::Text(std::mem::take(text));
                self.advance()?;
                Ok(literal)
            }
            _ => Err(self.expected("a whole number, or a text in quotes")),
        }
    }
}

fn one_or(mut conditions: Vec<Condition>, several: fn(Vec<Condition>) -> Condition) -> Condition {
    match conditions.pop() {
        Some(one) if conditions.is_empty() => one,
        last => {
            conditions.extend(last);
            several(conditions)
        }
    }
}
