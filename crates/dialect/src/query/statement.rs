//! Whole queries, and the rules that their clauses must keep together.

use super::MAX_COLUMNS;
use super::ast::{Aggregate, Item, Path, Projection, Query, Source, Target};
use super::error::QueryError;
use super::lexer::Token;
use super::parser::Parser;

type Parsed<T> = Result<T, QueryError>;

impl Query {
    /// Reads a query.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let mut parser = Parser::new(text)?;
        parser.expect_word("select")?;
        // Columns are properties of the source, which stands behind them. Without FROM the word in its place is what is wrong.
        if let Some(from) = parser.position_of("from") {
            parser.source = parser.elsewhere(from + 1, source)?;
        } else if *parser.peek() == Token::End {
            return parser.expected("FROM");
        }
        let top = if parser.take_word("top") { Some(count(&mut parser)?) } else { None };
        let columns_at = parser.at();
        let projections = if parser.take_symbol("*") { Vec::new() } else { columns(&mut parser)? };
        parser.expect_word("from")?;
        let source = source(&mut parser)?;
        let condition = if parser.take_word("where") { Some(parser.expression()?) } else { None };
        let group_at = parser.at();
        let group_by = if parser.take_word("group") {
            parser.expect_word("by")?;
            Some(parser.path()?)
        } else {
            None
        };
        let more = match (&condition, &group_by) {
            (None, None) => "WHERE, GROUP BY or the end of the query",
            (Some(_), None) => "AND, OR, GROUP BY or the end of the query",
            _ => "the end of the query",
        };
        end(&parser, more)?;
        let query = Self { top, projections, source, condition, group_by };
        check(&query, columns_at, group_at)?;
        Ok(query)
    }
}

impl Target {
    /// Reads whom a job or a configuration is for: a condition on devices, `*`, or
    /// `FROM devices.modules [WHERE condition]`.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let mut parser = Parser::new(text)?;
        if parser.take_symbol("*") {
            end(&parser, "the end of the query")?;
            return Ok(Self { source: Source::Devices, condition: None });
        }
        let mut all = false;
        if parser.take_word("from") {
            let at = parser.at();
            parser.source = source(&mut parser)?;
            if parser.source == Source::Jobs {
                return Err(QueryError::new(at, "expected devices or devices.modules"));
            }
            all = !parser.take_word("where");
        }
        let condition = if all { None } else { Some(parser.expression()?) };
        end(&parser, if all { "WHERE or the end of the query" } else { "AND, OR or the end of the query" })?;
        Ok(Self { source: parser.source, condition })
    }
}

/// What other languages of queries have behind a value or a source.
const FOREIGN: [&str; 8] = ["like", "between", "join", "having", "limit", "offset", "is", "union"];

/// Nothing may be left. `more` is what might have come here.
fn end(parser: &Parser, more: &str) -> Parsed<()> {
    match parser.peek() {
        Token::End => Ok(()),
        Token::Word(word) if word.eq_ignore_ascii_case("order") => {
            parser.fail("ORDER BY is not part of the language")
        }
        Token::Word(word) if FOREIGN.iter().any(|foreign| word.eq_ignore_ascii_case(foreign)) => {
            parser.fail(format!("{} is not part of the language", word.to_ascii_uppercase()))
        }
        _ => parser.expected(more),
    }
}

fn source(parser: &mut Parser) -> Parsed<Source> {
    let what = "devices, devices.modules or devices.jobs";
    if !parser.take_word("devices") {
        return parser.expected(what);
    }
    if !parser.take_symbol(".") {
        return Ok(Source::Devices);
    }
    if parser.take_word("modules") {
        Ok(Source::Modules)
    } else if parser.take_word("jobs") {
        Ok(Source::Jobs)
    } else {
        parser.expected(what)
    }
}

fn count(parser: &mut Parser) -> Parsed<usize> {
    match *parser.peek() {
        #[expect(clippy::cast_sign_loss, reason = "it was compared with 1")]
        Token::Number(number) if number >= 1.0 && number.fract() == 0.0 && number <= 1e9 => {
            parser.take();
            Ok(number as usize)
        }
        _ => parser.expected("a whole number from 1"),
    }
}

fn columns(parser: &mut Parser) -> Parsed<Vec<Projection>> {
    if parser.is_word("distinct") {
        return parser.fail("DISTINCT is not part of the language");
    }
    let mut columns = Vec::new();
    loop {
        let item = match aggregate(parser)? {
            Some(aggregate) => Item::Aggregate(aggregate),
            None => Item::Property(parser.path()?),
        };
        let alias = if parser.take_word("as") { Some(parser.name()?) } else { None };
        if columns.len() == MAX_COLUMNS {
            return parser.fail(format!("a query has at most {MAX_COLUMNS} columns"));
        }
        columns.push(Projection { item, alias });
        if !parser.take_symbol(",") {
            return Ok(columns);
        }
    }
}

fn aggregate(parser: &mut Parser) -> Parsed<Option<Aggregate>> {
    let Token::Word(word) = parser.peek() else { return Ok(None) };
    if !parser.is_followed_by("(") {
        return Ok(None);
    }
    let of: fn(Path) -> Aggregate = match word.to_ascii_lowercase().as_str() {
        "count" => |_| Aggregate::Count,
        "avg" => Aggregate::Average,
        "sum" => Aggregate::Sum,
        "min" => Aggregate::Min,
        "max" => Aggregate::Max,
        _ => return parser.fail("the SELECT clause may contain properties, COUNT, AVG, SUM, MIN and MAX"),
    };
    let counts = word.eq_ignore_ascii_case("count");
    parser.take();
    parser.expect_symbol("(")?;
    let aggregate = if counts { Aggregate::Count } else { of(parser.path()?) };
    parser.expect_symbol(")")?;
    Ok(Some(aggregate))
}

fn check(query: &Query, columns_at: usize, group_at: usize) -> Parsed<()> {
    if query.source == Source::Jobs && !query.projections.is_empty() {
        return Err(QueryError::new(columns_at, "queries of devices.jobs allow only SELECT *"));
    }
    if query.source == Source::Jobs && query.group_by.is_some() {
        return Err(QueryError::new(group_at, "queries of devices.jobs do not allow GROUP BY"));
    }
    if query.group_by.is_some() && query.projections.is_empty() {
        return Err(QueryError::new(columns_at, "SELECT * cannot be grouped"));
    }
    let lone = |column: &Projection| match &column.item {
        Item::Property(path) => query.group_by.as_ref() != Some(path),
        Item::Aggregate(_) => false,
    };
    if query.aggregates() && query.projections.iter().any(lone) {
        let message = "besides aggregates, the SELECT clause may contain only the property of GROUP BY";
        return Err(QueryError::new(columns_at, message));
    }
    Ok(())
}
