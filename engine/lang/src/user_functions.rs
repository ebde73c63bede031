//! Functions that a configuration declares: `function "double" { params = [x]  result = x * 2 }`.
//! They cannot recurse, and call each other only to a limited depth.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_value::Name;
use indexmap::IndexMap;

use crate::compiled_expression::Expression;
use crate::diagnostics::function as mistakes;

/// The limit of the depth of nested calls of declared functions.
const DEEPEST: usize = 64;

/// A function by its name. Calls can be compiled before the function is declared, so that its
/// definition is set later.
#[derive(Debug)]
pub(crate) struct UserFunction {
    pub(crate) name: Name,
    pub(crate) defined: OnceLock<FunctionDefinition>,
}

/// The parameters and the result of a function.
#[derive(Debug)]
pub(crate) struct FunctionDefinition {
    pub(crate) parameters: Vec<Name>,
    /// The parameter that takes all further arguments as a tuple.
    pub(crate) rest: Option<Name>,
    pub(crate) result: Expression,
}

/// A call of a function that may not be declared.
#[derive(Debug)]
struct FunctionUse {
    given: usize,
    spread: bool,
    /// The place of the name, and of the whole call.
    name: SourceSpan,
    span: SourceSpan,
    within: Option<Name>,
}

/// The functions of one module that were called or declared so far.
#[derive(Debug, Default)]
pub(crate) struct UserFunctions {
    all: IndexMap<Name, (Arc<UserFunction>, Vec<FunctionUse>)>,
    /// The place of each declaration, even if the function has other errors.
    declared: HashMap<Name, SourceSpan>,
    /// The function whose result is being compiled.
    pub(crate) within: Option<Name>,
}

impl UserFunctions {
    fn entry(&mut self, name: &Name) -> &mut (Arc<UserFunction>, Vec<FunctionUse>) {
        let new = || {
            (Arc::new(UserFunction { name: name.clone(), defined: OnceLock::new() }), Vec::new())
        };
        self.all.entry(name.clone()).or_insert_with(new)
    }

    /// Records a call and returns the function. The spans are those of the name and of the whole call.
    pub(crate) fn called(
        &mut self,
        name: &Name,
        given: usize,
        spread: bool,
        [written, span]: [SourceSpan; 2],
    ) -> Arc<UserFunction> {
        let within = self.within.clone();
        let (function, uses) = self.entry(name);
        uses.push(FunctionUse { given, spread, name: written, span, within });
        function.clone()
    }

    /// Records a declaration.
    ///
    /// # Errors
    /// The place of an earlier declaration.
    pub(crate) fn declare(&mut self, name: &Name, span: &SourceSpan) -> Result<(), SourceSpan> {
        match self.declared.get(name) {
            Some(first) => Err(first.clone()),
            None => {
                self.declared.insert(name.clone(), span.clone());
                Ok(())
            }
        }
    }

    pub(crate) fn define(&mut self, name: &Name, defined: FunctionDefinition) {
        // `declare` refuses a second declaration, so that nothing is defined twice.
        let _ = self.entry(name).0.defined.set(defined);
    }

    /// Checks all calls, once all functions are compiled.
    pub(crate) fn check(&self, problems: &mut Vec<Diagnostic>) {
        for (name, (function, uses)) in &self.all {
            for it in uses {
                match function.defined.get() {
                    Some(defined) => problems.extend(mistakes::argument_count(
                        name, defined, it.given, it.spread, &it.span,
                    )),
                    None if self.declared.contains_key(name) => {}
                    None => problems.push(mistakes::no_such_function(
                        name,
                        self.declared.keys(),
                        it.given,
                        it.name.clone(),
                    )),
                }
            }
        }
        self.check_depth(problems);
    }

    /// Reports functions that call themselves, directly or through others, or nest calls too deeply.
    fn check_depth(&self, problems: &mut Vec<Diagnostic>) {
        // A set for each function: several calls of one function in another are one edge.
        let mut callers: HashMap<&Name, HashSet<&Name>> = HashMap::new();
        let mut waits: HashMap<&Name, usize> = self.declared.keys().map(|it| (it, 0)).collect();
        for (name, (_, uses)) in &self.all {
            for within in uses.iter().filter_map(|it| it.within.as_ref()) {
                if self.declared.contains_key(name)
                    && callers.entry(name).or_default().insert(within)
                {
                    *waits.entry(within).or_default() += 1;
                }
            }
        }
        // A topological sort, beginning with the functions that call no others. Functions that are
        // never reached are part of a cycle or call one.
        let mut ready: Vec<&Name> =
            waits.iter().filter(|(_, waits)| **waits == 0).map(|(name, _)| *name).collect();
        ready.sort();
        let mut depth: HashMap<&Name, usize> = ready.iter().map(|it| (*it, 1)).collect();
        while let Some(name) = ready.pop() {
            waits.remove(name);
            let own = depth.get(name).copied().unwrap_or(1);
            for caller in callers.get(name).into_iter().flatten() {
                let deepest = depth.entry(caller).or_default();
                *deepest = (*deepest).max(own + 1);
                if let Some(left) = waits.get_mut(*caller) {
                    *left -= 1;
                    if *left == 0 {
                        ready.push(caller);
                    }
                }
            }
        }
        let mut circular: Vec<&Name> = waits.into_keys().collect();
        circular.sort();
        problems.extend(
            circular.into_iter().map(|it| mistakes::calls_itself(it, self.declared[it].clone())),
        );
        let mut deep: Vec<&Name> =
            depth.into_iter().filter(|(_, depth)| *depth > DEEPEST).map(|(name, _)| name).collect();
        deep.sort();
        problems.extend(
            deep.into_iter().map(|it| mistakes::calls_too_deep(it, self.declared[it].clone())),
        );
    }
}
