//! `function` blocks.

use ha_value::Name;

use super::{Compiler, is_identifier};
use crate::body::BlockSchema;
use crate::diagnostics;
use crate::diagnostics::function as mistakes;
use crate::functions;
use crate::syntax::{ArgumentSyntax, BlockSyntax, SyntaxKind, SyntaxNode};
use crate::user_functions::FunctionDefinition;

impl Compiler<'_> {
    pub(super) fn function(&mut self, mut block: BlockSyntax) {
        const KNOWN: BlockSchema = BlockSchema {
            arguments: &["params", "variadic_param", "result", "description"],
            blocks: &[],
        };
        let span = self.span(&block);
        let Some([label]) = self.labels(&mut block, ["NAME"]) else { return };
        let name = label.name;
        if functions::named(&name).is_some() {
            let problem = mistakes::built_in(&name, self.resolver.span(label.at));
            self.problem(problem);
            return;
        }
        if let Err(first) = self.resolver.functions.declare(&name, &span) {
            self.problem(diagnostics::declared_twice(&format!("function `{name}`"), &first, span));
            return;
        }
        self.no_blocks(block.body.blocks, KNOWN);
        let before = self.resolver.problems.len();
        let (mut parameters, mut rest, mut result) = (Vec::new(), None, None);
        for ArgumentSyntax { name, value } in block.body.arguments {
            match &*name.name {
                "params" => parameters = self.parameters(value),
                "variadic_param" => rest = self.rest(value),
                "result" => result = Some(value),
                "description" => drop(self.text(value)),
                _ => self.unexpected(&name, KNOWN),
            }
        }
        let Some(result) = result else {
            return self.missing("result", before, &span);
        };
        let mut names: Vec<Name> = Vec::with_capacity(parameters.len() + 1);
        for parameter in parameters.iter().chain(&rest) {
            if names.contains(parameter) {
                self.problem(mistakes::parameter_twice(parameter, span.clone()));
                return;
            }
            names.push(parameter.clone());
        }
        let result = self.resolver.within_function(&name, names, result);
        self.resolver.functions.define(&name, FunctionDefinition { parameters, rest, result });
    }

    fn parameters(&mut self, value: SyntaxNode) -> Vec<Name> {
        let span = self.resolver.span(value.at);
        let SyntaxKind::Tuple(items) = value.kind else {
            self.problem(mistakes::parameters_are_no_names(span));
            return Vec::new();
        };
        let mut names = Vec::with_capacity(items.len());
        for item in items {
            match item.keyword() {
                Some(name) => names.push(name.clone()),
                None => {
                    let problem = mistakes::parameters_are_no_names(self.resolver.span(item.at));
                    self.problem(problem);
                }
            }
        }
        names
    }

    fn rest(&mut self, value: SyntaxNode) -> Option<Name> {
        match value.keyword() {
            Some(name) if is_identifier(name) => Some(name.clone()),
            _ => {
                let problem = mistakes::rest_is_no_name(self.resolver.span(value.at));
                self.problem(problem);
                None
            }
        }
    }
}
