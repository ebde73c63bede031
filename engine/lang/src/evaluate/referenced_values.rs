//! The values of the references in an expression, which diagnostics show beside it.

use ha_value::{Type, Value};

use super::{EvaluationError, EvaluationResult, Evaluator};
use crate::compiled_expression::{ExpressionKind, ExpressionNode, TemplatePiece};
use crate::describe::shown;

impl Evaluator<'_> {
    /// The references in a node and their values, each once.
    pub(super) fn values(&mut self, node: &ExpressionNode) -> Vec<(String, String)> {
        let mut chains = Vec::new();
        gather(node, &mut chains);
        let mut values: Vec<(String, String)> = Vec::new();
        for chain in chains {
            let Some(name) = written(chain) else { continue };
            if values.iter().any(|(known, _)| *known == name) {
                continue;
            }
            // A reference that fails has no value to show, and its own diagnostic is recorded where
            // it is evaluated.
            let before = self.problems.len();
            let value = match &chain.kind {
                ExpressionKind::Slot(slot, _) if !self.secret => {
                    self.slots.get(*slot as usize).cloned().ok_or(EvaluationError)
                }
                // A loop over a secret binds unmarked parts of it, which must not be shown. Other
                // references carry their own marks.
                _ if self.secret && starts_in_slot(chain) => Ok(Value::NULL.sensitive()),
                _ => self.node_quietly(chain),
            };
            self.problems.truncate(before);
            if let Ok(value) = value {
                values.push((name, shown(&value)));
            }
        }
        values
    }

    /// The value of a chain of steps. It records no diagnostic, as it is called while one is made.
    fn node_quietly(&mut self, node: &ExpressionNode) -> EvaluationResult {
        match &node.kind {
            ExpressionKind::Target(target) => {
                self.environment.scope.value(target).map_err(|_| EvaluationError)
            }
            ExpressionKind::Attribute(it) => {
                let value = self.node_quietly(&it.0)?;
                match &value {
                    Value::Object(attributes) | Value::Map(attributes) => {
                        attributes.get(&it.1).cloned().ok_or(EvaluationError)
                    }
                    // An attribute that the type does not have has no value to show.
                    Value::Unknown(of) if !may_have(&of.ty, &it.1) => Err(EvaluationError),
                    Value::Sensitive(_) | Value::Unknown(_) => Ok(value.get(&it.1)),
                    _ => Err(EvaluationError),
                }
            }
            ExpressionKind::Slot(slot, _) => {
                self.slots.get(*slot as usize).cloned().ok_or(EvaluationError)
            }
            _ => Err(EvaluationError),
        }
    }
}

/// Whether values of a type can have an attribute.
fn may_have(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Any | Type::Map(_) => true,
        Type::Object(attributes) => attributes.contains_key(name),
        _ => false,
    }
}

/// Whether a chain of steps begins with a value that is bound inside of the expression.
fn starts_in_slot(chain: &ExpressionNode) -> bool {
    match &chain.kind {
        ExpressionKind::Attribute(it) => starts_in_slot(&it.0),
        kind => matches!(kind, ExpressionKind::Slot(..)),
    }
}

/// Gathers the outermost chains of steps in a node.
fn gather<'n>(node: &'n ExpressionNode, chains: &mut Vec<&'n ExpressionNode>) {
    match &node.kind {
        ExpressionKind::Literal(_) => {}
        ExpressionKind::Slot(..) | ExpressionKind::Target(_) => chains.push(node),
        ExpressionKind::Attribute(it) => match written(node) {
            Some(_) => chains.push(node),
            None => gather(&it.0, chains),
        },
        ExpressionKind::Instance(it) => gather(&it.1, chains),
        ExpressionKind::Index(it) => it.iter().for_each(|it| gather(it, chains)),
        ExpressionKind::Splat(it) => gather(&it[0], chains),
        ExpressionKind::Template(pieces) => gather_pieces(pieces, chains),
        ExpressionKind::Tuple(items) => items.iter().for_each(|it| gather(it, chains)),
        ExpressionKind::Object(entries) => entries.iter().for_each(|(key, value)| {
            gather(key, chains);
            gather(value, chains);
        }),
        ExpressionKind::Conditional(it) => it.iter().for_each(|it| gather(it, chains)),
        ExpressionKind::Not(it) | ExpressionKind::Negative(it) => gather(it, chains),
        ExpressionKind::Binary(_, it) => it.iter().for_each(|it| gather(it, chains)),
        ExpressionKind::Call(call) => call.arguments.iter().for_each(|it| gather(it, chains)),
        ExpressionKind::Declared(call) => call.arguments.iter().for_each(|it| gather(it, chains)),
        ExpressionKind::For(it) => gather(&it.collection, chains),
    }
}

fn gather_pieces<'n>(pieces: &'n [TemplatePiece], chains: &mut Vec<&'n ExpressionNode>) {
    for piece in pieces {
        match piece {
            TemplatePiece::Text(_) => {}
            TemplatePiece::Value(node) => gather(node, chains),
            TemplatePiece::If(it) => gather(&it.condition, chains),
            TemplatePiece::For(it) => gather(&it.collection, chains),
        }
    }
}

/// A chain of steps as the source has it; `None` for chains with computed steps.
fn written(node: &ExpressionNode) -> Option<String> {
    match &node.kind {
        ExpressionKind::Slot(_, name) if &**name != "*" => Some(name.to_string()),
        ExpressionKind::Target(target) => Some(target.to_string()),
        ExpressionKind::Attribute(it) => Some(format!("{}.{}", written(&it.0)?, it.1)),
        _ => None,
    }
}
