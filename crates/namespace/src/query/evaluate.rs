//! Whether what a query says holds for a client.

use super::lexer::Comparison;
use super::parser::{Condition, Literal, Operand};
use crate::attributes::AttributeValue;
use crate::principal::Principal;

pub fn holds(condition: &Condition, principal: &Principal) -> bool {
    match condition {
        Condition::Any(conditions) => conditions.iter().any(|condition| holds(condition, principal)),
        Condition::All(conditions) => conditions.iter().all(|condition| holds(condition, principal)),
        Condition::In(operand, literals) => {
            literals.iter().any(|literal| is_equal(operand, literal, principal) == Some(true))
        }
        Condition::Compare(operand, comparison, literal) => match comparison {
            Comparison::Equal => is_equal(operand, literal, principal) == Some(true),
            Comparison::NotEqual => is_equal(operand, literal, principal) == Some(false),
            order => is_ordered(operand, *order, literal, principal),
        },
    }
}

/// `None` for an attribute that the client does not have.
fn is_equal(operand: &Operand, literal: &Literal, principal: &Principal) -> Option<bool> {
    let value = match operand {
        Operand::AuthenticationName => {
            let Literal::Text(text) = literal else { return Some(false) };
            return Some(principal.name.folded() == text.to_lowercase());
        }
        Operand::Attribute(key) => principal.attributes.get(key)?,
    };
    Some(match (value, literal) {
        (AttributeValue::Integer(number), Literal::Integer(other)) => number == other,
        (AttributeValue::Text(text), Literal::Text(other)) => text == other,
        (AttributeValue::List(texts), Literal::Text(other)) => texts.contains(other),
        _ => false,
    })
}

fn is_ordered(operand: &Operand, order: Comparison, literal: &Literal, principal: &Principal) -> bool {
    let (Operand::Attribute(key), Literal::Integer(other)) = (operand, literal) else { return false };
    let Some(AttributeValue::Integer(number)) = principal.attributes.get(key) else { return false };
    match order {
        Comparison::Less => number < other,
        Comparison::LessOrEqual => number <= other,
        Comparison::Greater => number > other,
        Comparison::GreaterOrEqual => number >= other,
        Comparison::Equal | Comparison::NotEqual => false,
    }
}
