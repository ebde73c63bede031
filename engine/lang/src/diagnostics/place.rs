//! Diagnostics for the refactoring blocks `moved`, `removed` and `import`.

use ha_diagnostics::{Diagnostic, SourceSpan, code};
use ha_value::TargetAddress;

use super::error;
use crate::compiled_expression::BlockName;
use crate::configuration::MovedBlock;

pub(crate) fn not_an_address(span: SourceSpan) -> Diagnostic {
    error("expected the address of a resource or module").code(code::FIXED).at(span).help(
        "write it without quotes: `aws_s3_bucket.site`, `aws_s3_bucket.site[\"a\"]`, \
            `module.network`",
    )
}

pub(crate) fn not_an_instance(span: SourceSpan) -> Diagnostic {
    error("expected the address of a resource")
        .code(code::FIXED)
        .at(span)
        .help("write it without quotes: `aws_s3_bucket.site`, `aws_s3_bucket.site[each.key]`")
}

pub(crate) fn key_is_worked_out(span: SourceSpan) -> Diagnostic {
    error("the keys in this address must be literals")
        .code(code::FIXED)
        .at(span)
        .help("for example `aws_s3_bucket.site[\"a\"]`")
}

pub(crate) fn module_and_block(
    from: &TargetAddress,
    to: &TargetAddress,
    span: SourceSpan,
) -> Diagnostic {
    error(format!("`{from}` cannot become `{to}`"))
        .code(code::MOVE)
        .at(span)
        .help("a module moves to a module and a resource to a resource")
}

pub(crate) fn data_do_not_move(place: &TargetAddress, span: SourceSpan) -> Diagnostic {
    error(format!("`{place}` is a data source and cannot be moved"))
        .code(code::MOVE)
        .at(span)
        .help("rename its block; it is read again")
}

pub(crate) fn data_are_not_removed(place: &TargetAddress, span: SourceSpan) -> Diagnostic {
    error(format!("`{place}` is a data source and needs no `removed` block"))
        .code(code::MOVE)
        .at(span)
        .help("delete this block")
}

pub(crate) fn data_are_not_imported(block: &BlockName, span: SourceSpan) -> Diagnostic {
    error(format!("`{block}` is a data source and cannot be imported")).code(code::MOVE).at(span)
}

pub(crate) fn removed_has_keys(from: &TargetAddress, span: SourceSpan) -> Diagnostic {
    error(format!("`{from}` is one instance, and a `removed` block applies to all of them"))
        .code(code::MOVE)
        .at(span)
        .help("name the resource or module without keys")
}

pub(crate) fn moved_nowhere(moved: &MovedBlock) -> Diagnostic {
    error(format!("`{}` moves to itself", moved.from)).code(code::MOVE).at(moved.span.clone())
}

pub(crate) fn moved_to_two(first: &MovedBlock, second: &MovedBlock) -> Diagnostic {
    error(format!("`{}` cannot move both to `{}` and to `{}`", first.from, first.to, second.to))
        .code(code::MOVE)
        .at(second.span.clone())
        .label("the second")
        .related(first.span.clone(), "the first")
}

pub(crate) fn two_moved_to_one(first: &MovedBlock, second: &MovedBlock) -> Diagnostic {
    error(format!("`{}` and `{}` cannot both move to `{}`", first.from, second.from, second.to))
        .code(code::MOVE)
        .at(second.span.clone())
        .label("the second")
        .related(first.span.clone(), "the first")
}

pub(crate) fn moved_in_a_circle(moved: &[&MovedBlock]) -> Diagnostic {
    let problem = error("these moves form a cycle").code(code::MOVE);
    let Some((first, rest)) = moved.split_first() else { return problem };
    let way = |it: &MovedBlock| format!("from `{}` to `{}`", it.from, it.to);
    let all: Vec<String> = moved.iter().map(|it| way(it)).collect();
    let problem = problem
        .at(first.span.clone())
        .label(way(first))
        .detail(format!("They go {}.", all.join(", ")));
    rest.iter().fold(problem, |problem, it| problem.related(it.span.clone(), way(it)))
}

pub(crate) fn still_there(verb: &str, place: &TargetAddress, span: SourceSpan) -> Diagnostic {
    let problem =
        error(format!("`{place}` is still in the configuration")).code(code::MOVE).at(span);
    match verb {
        "moved" => problem.help("delete its block, or this `moved` block"),
        _ => problem.help("delete its block, or this `removed` block"),
    }
}

pub(crate) fn import_below_root(span: SourceSpan) -> Diagnostic {
    error("`import` blocks are allowed only in the root module")
        .code(code::MOVE)
        .at(span)
        .help("write it there, with the whole address: `to = module.NAME.KIND.NAME`")
}

pub(crate) fn imports_into_nothing(address: &str, span: SourceSpan) -> Diagnostic {
    error(format!("there is no resource `{address}` to import into"))
        .code(code::MOVE)
        .at(span)
        .help("write its block first; its arguments say what it should be")
}
