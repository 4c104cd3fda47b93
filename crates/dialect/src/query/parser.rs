//! Expressions, by recursive descent. Loops take what repeats, so that only [`MAX_NESTING`] bounds the stack.

use serde_json::Value;

use super::MAX_NESTING;
use super::ast::{Arithmetic, Comparison, Expression, Function, Path, Source};
use super::error::QueryError;
use super::lexer::{Token, cut};
use super::names::{canonical, function, is_reserved};

type Parsed<T> = Result<T, QueryError>;

/// A query on its way.
pub struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
    /// Whose properties these are; known before the first is read.
    pub source: Source,
}

impl Parser {
    pub fn new(text: &str) -> Parsed<Self> {
        Ok(Self { tokens: cut(text)?, next: 0, depth: 0, source: Source::Devices })
    }

    pub fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(0, |(at, _)| *at)
    }

    pub fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(_, token)| token)
    }

    /// Takes a token; the last one stays.
    pub fn take(&mut self) -> Token {
        let token = self.peek().clone();
        if token != Token::End {
            self.next += 1;
        }
        token
    }

    pub fn fail<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(QueryError::new(self.at(), message))
    }

    pub fn expected<T>(&self, what: &str) -> Parsed<T> {
        self.fail(format!("expected {what}, not {}", self.peek().describe()))
    }

    pub fn is_word(&self, keyword: &str) -> bool {
        matches!(self.peek(), Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    pub fn take_word(&mut self, keyword: &str) -> bool {
        let found = self.is_word(keyword);
        self.next += usize::from(found);
        found
    }

    pub fn expect_word(&mut self, keyword: &str) -> Parsed<()> {
        if self.take_word(keyword) { Ok(()) } else { self.expected(&keyword.to_ascii_uppercase()) }
    }

    pub fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Token::Symbol(found) if *found == symbol);
        self.next += usize::from(found);
        found
    }

    pub fn expect_symbol(&mut self, symbol: &str) -> Parsed<()> {
        if self.take_symbol(symbol) { Ok(()) } else { self.expected(&format!("'{symbol}'")) }
    }

    /// Whether the token after this one is that symbol.
    pub fn is_followed_by(&self, symbol: &str) -> bool {
        matches!(self.tokens.get(self.next + 1), Some((_, Token::Symbol(found))) if *found == symbol)
    }

    /// Where `FROM` stands, so that the source is known before its properties are read.
    pub fn position_of(&self, keyword: &str) -> Option<usize> {
        self.tokens
            .iter()
            .position(|(_, token)| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(keyword)))
    }

    /// Goes to a token and back: reads something that stands there.
    pub fn elsewhere<T>(&mut self, position: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        let back = std::mem::replace(&mut self.next, position);
        let answer = read(self);
        self.next = back;
        answer
    }

    pub fn expression(&mut self) -> Parsed<Expression> {
        self.list_of("or", Self::conjunction, Expression::Or)
    }

    fn conjunction(&mut self) -> Parsed<Expression> {
        self.list_of("and", Self::negation, Expression::And)
    }

    fn list_of(
        &mut self,
        operator: &str,
        part: fn(&mut Self) -> Parsed<Expression>,
        join: fn(Vec<Expression>) -> Expression,
    ) -> Parsed<Expression> {
        let first = part(self)?;
        if !self.is_word(operator) {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.take_word(operator) {
            all.push(part(self)?);
        }
        Ok(join(all))
    }

    fn negation(&mut self) -> Parsed<Expression> {
        if self.take_word("not") {
            let inner = self.nested(Self::negation)?;
            return Ok(Expression::Not(Box::new(inner)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Parsed<Expression> {
        let left = self.sum()?;
        let operator = match self.peek() {
            Token::Symbol("=") => Comparison::Equal,
            Token::Symbol("!=" | "<>") => Comparison::NotEqual,
            Token::Symbol("<") => Comparison::Less,
            Token::Symbol("<=") => Comparison::LessOrEqual,
            Token::Symbol(">") => Comparison::Greater,
            Token::Symbol(">=") => Comparison::GreaterOrEqual,
            _ => return self.membership(left),
        };
        self.take();
        let right = self.sum()?;
        Ok(Expression::Compare(operator, Box::new(left), Box::new(right)))
    }

    fn membership(&mut self, item: Expression) -> Parsed<Expression> {
        let negated = self.is_word("nin");
        if !negated && !self.is_word("in") {
            return Ok(item);
        }
        self.take();
        let list = self.constants()?;
        Ok(Expression::In { item: Box::new(item), list, negated })
    }

    fn sum(&mut self) -> Parsed<Expression> {
        self.chain(Self::product, &[("+", Arithmetic::Add), ("-", Arithmetic::Subtract)])
    }

    fn product(&mut self) -> Parsed<Expression> {
        let operators =
            [("*", Arithmetic::Multiply), ("/", Arithmetic::Divide), ("%", Arithmetic::Remainder)];
        self.chain(Self::signed, &operators)
    }

    fn chain(
        &mut self,
        part: fn(&mut Self) -> Parsed<Expression>,
        operators: &[(&str, Arithmetic)],
    ) -> Parsed<Expression> {
        let first = part(self)?;
        let mut rest = Vec::new();
        while let Some((_, operator)) = operators.iter().find(|(symbol, _)| self.take_symbol(symbol)) {
            rest.push((*operator, part(self)?));
        }
        Ok(if rest.is_empty() { first } else { Expression::Chain(Box::new(first), rest) })
    }

    fn signed(&mut self) -> Parsed<Expression> {
        if !self.take_symbol("-") {
            return self.primary();
        }
        if let Token::Number(number) = *self.peek() {
            self.take();
            return Ok(Expression::Constant((-number).into()));
        }
        let inner = self.nested(Self::signed)?;
        Ok(Expression::Negative(Box::new(inner)))
    }

    fn primary(&mut self) -> Parsed<Expression> {
        match self.peek() {
            Token::Symbol("(") => {
                self.take();
                let inner = self.nested(Self::expression)?;
                self.expect_symbol(")")?;
                Ok(inner)
            }
            Token::Symbol("[") => Ok(Expression::Constant(Value::Array(self.constants()?))),
            Token::Word(word) if word.eq_ignore_ascii_case("undefined") => {
                self.take();
                Ok(Expression::Undefined)
            }
            Token::Word(word) if constant_word(word).is_some() => self.constant().map(Expression::Constant),
            Token::Word(_) if self.is_followed_by("(") => self.call(),
            Token::Word(_) | Token::Name(_) => self.path().map(Expression::Property),
            Token::Text(_) | Token::Number(_) => self.constant().map(Expression::Constant),
            Token::Symbol("=") => {
                self.fail("expected a value, not '=': a comparison is written with one '='")
            }
            _ => self.expected("a value"),
        }
    }

    fn call(&mut self) -> Parsed<Expression> {
        let at = self.at();
        let Token::Word(name) = self.take() else { return self.expected("a function") };
        let (function, arity) = function(&name).map_err(|message| QueryError::new(at, message))?;
        self.expect_symbol("(")?;
        let mut values = Vec::new();
        loop {
            values.push(self.nested(Self::expression)?);
            if !self.take_symbol(",") {
                break;
            }
        }
        self.expect_symbol(")")?;
        if values.len() != arity {
            return Err(QueryError::new(at, format!("{name} takes {arity} value(s)")));
        }
        if function == Function::IsDefined && !matches!(values[0], Expression::Property(_)) {
            return Err(QueryError::new(at, "IS_DEFINED needs a property"));
        }
        Ok(Expression::Call(function, values))
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_NESTING {
            return self.fail(format!("nested deeper than {MAX_NESTING} levels"));
        }
        self.depth += 1;
        let answer = read(self);
        self.depth -= 1;
        answer
    }

    /// `['a', 'b']`, or `[]`.
    fn constants(&mut self) -> Parsed<Vec<Value>> {
        if !self.take_symbol("[") {
            return self.expected("a list of constants in brackets");
        }
        let mut list = Vec::new();
        if self.take_symbol("]") {
            return Ok(list);
        }
        loop {
            list.push(self.constant()?);
            if !self.take_symbol(",") {
                break;
            }
        }
        self.expect_symbol("]")?;
        Ok(list)
    }

    fn constant(&mut self) -> Parsed<Value> {
        let sign = if self.take_symbol("-") { -1.0 } else { 1.0 };
        let value = match self.peek() {
            Token::Number(number) => (sign * number).into(),
            Token::Text(text) if sign > 0.0 => text.as_str().into(),
            Token::Word(word) if sign > 0.0 && constant_word(word).is_some() => {
                constant_word(word).unwrap_or_default()
            }
            _ => return self.expected("a constant"),
        };
        self.take();
        Ok(value)
    }

    /// `tags.a.[[odd name]]`
    pub fn path(&mut self) -> Parsed<Path> {
        let mut names = vec![self.name()?];
        loop {
            let bracketed = matches!(self.peek(), Token::Name(_));
            if !bracketed && !self.take_symbol(".") {
                break;
            }
            names.push(self.name()?);
        }
        Ok(canonical(self.source, names))
    }

    pub fn name(&mut self) -> Parsed<String> {
        match self.peek() {
            Token::Word(word) if is_reserved(word) => {
                self.fail(format!("{word} is a keyword; a property of that name is written [[{word}]]"))
            }
            Token::Word(word) | Token::Name(word) => {
                let word = word.clone();
                self.take();
                Ok(word)
            }
            _ => self.expected("a name"),
        }
    }
}

fn constant_word(word: &str) -> Option<Value> {
    match word.to_ascii_lowercase().as_str() {
        "true" => Some(true.into()),
        "false" => Some(false.into()),
        "null" => Some(Value::Null),
        _ => None,
    }
}
