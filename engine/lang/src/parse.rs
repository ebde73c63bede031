//! Reads source text by hcl-edit; the only place that knows its types.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use ha_kind::{Diagnostic, Name, Number, Span, Value};
use hcl_edit::Span as _;
use hcl_edit::expr::{self, BinaryOperator, Expression, ObjectKey, TraversalOperator, UnaryOperator};
use hcl_edit::structure::{BlockLabel, Structure};
use hcl_edit::template::{Directive, Element, Template};
use unicode_normalization::UnicodeNormalization;

use crate::SourceFile;
use crate::mistake;
use crate::syntax::{Argument, At, Block, Body, Call, For, Kind, Node, Operator, Word};
use crate::template::{self, Strips, Token, Unit};

/// The byte-order mark that some editors begin a file with.
const MARK: char = '\u{feff}';

/// A whole file, as far as it can be read.
pub(crate) fn body(file: &SourceFile) -> (Body, Vec<Diagnostic>) {
    let mut reader = match Reader::new(file) {
        Ok(reader) => reader,
        Err(problem) => return (Body::default(), vec![*problem]),
    };
    match readable(reader.text, hcl_edit::parser::parse_body) {
        Ok(body) => {
            let body = reader.body(body);
            (body, reader.problems)
        }
        Err(error) => (Body::default(), vec![reader.unreadable(&error)]),
    }
}

/// One expression.
pub(crate) fn expression(file: &SourceFile) -> Result<Node, Vec<Diagnostic>> {
    // Only within parentheses may an expression go on over line ends.
    let wrapped = format!("({}\n)", file.text.strip_prefix(MARK).unwrap_or(&file.text));
    let mut reader = Reader::new(file).map_err(|it| vec![*it])?;
    match readable(&wrapped, hcl_edit::parser::parse_expr) {
        Ok(Expression::Parenthesis(inner)) => {
            reader.text = &wrapped;
            reader.shift -= 1;
            let node = reader.expression(inner.into_inner());
            if reader.problems.is_empty() { Ok(node) } else { Err(reader.problems) }
        }
        Ok(_) => Err(vec![mistake::unreadable("expected one expression", reader.span(0..reader.text.len()))]),
        Err(_) => {
            let error = readable(reader.text.trim(), hcl_edit::parser::parse_expr).err();
            let problem = match &error {
                Some(error) => reader.unreadable(error),
                None => mistake::unreadable("expected one expression", reader.span(0..reader.text.len())),
            };
            Err(vec![problem])
        }
    }
}

/// A template that is a whole text by itself.
pub(crate) fn template(file: &SourceFile) -> Result<Node, Vec<Diagnostic>> {
    let mut reader = Reader::new(file).map_err(|it| vec![*it])?;
    let whole = At::new(0, reader.text.len());
    match readable(reader.text, hcl_edit::parser::parse_template) {
        Ok(read) => {
            let tokens = reader.tokens(read);
            let node = Node::new(whole, template::node(tokens, Unit::Line));
            if reader.problems.is_empty() { Ok(node) } else { Err(reader.problems) }
        }
        Err(error) => Err(vec![reader.unreadable(&error)]),
    }
}

/// What a parser makes of the text. The parser knows no numbers beyond those of doubles, so it is shown shorter ones in
/// their place; their digits are taken from the text itself.
fn readable<T>(text: &str, parse: fn(&str) -> Result<T, hcl_edit::parser::Error>) -> Result<T, hcl_edit::parser::Error> {
    let mut shown = Cow::Borrowed(text);
    loop {
        let error = match parse(&shown) {
            Ok(read) => return Ok(read),
            Err(error) => error,
        };
        let Some(number) = large_number(&shown, error.location().offset()) else { return Err(error) };
        let stand_in = "1".repeat(number.len().min(300)) + &" ".repeat(number.len().saturating_sub(300));
        shown.to_mut().replace_range(number, &stand_in);
    }
}

/// The number at an offset, or that an offset is in, where it is too large for a double.
fn large_number(text: &str, offset: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes.get(from..).unwrap_or_default().iter().take_while(|it| it.is_ascii_digit()).count();
    let before = bytes.get(..offset)?.iter().rev();
    let start = offset - before.take_while(|it| it.is_ascii_digit() || **it == b'.').count();
    let mut end = start + digits(start);
    let whole = end > start;
    if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if digits(end + 1 + sign) > 0 {
            end += 1 + sign + digits(end + 1 + sign);
        }
    }
    let large = whole && text[start..end].parse::<f64>().is_ok_and(f64::is_infinite);
    large.then_some(start..end)
}

struct Reader<'a> {
    file: &'a SourceFile,
    text: &'a str,
    /// Names that were met, so that each is kept once.
    names: HashSet<Name>,
    /// What must be added to an offset in `text` for one in the file.
    shift: isize,
    problems: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn new(file: &'a SourceFile) -> Result<Self, Box<Diagnostic>> {
        if file.text.len() >= u32::MAX as usize {
            return Err(Box::new(mistake::too_large(&file.name)));
        }
        let (text, shift) = match file.text.strip_prefix(MARK) {
            Some(text) => (text, 3),
            None => (&*file.text, 0),
        };
        Ok(Self { file, text, names: HashSet::new(), shift, problems: Vec::new() })
    }

    fn at(&self, range: Range<usize>) -> At {
        let shifted = |it: usize| it.saturating_add_signed(self.shift).min(self.file.text.len());
        At::new(shifted(range.start), shifted(range.end))
    }

    fn span(&self, range: Range<usize>) -> Span {
        let at = self.at(range);
        Span::new(self.file.name.clone(), at.start as usize..at.end as usize)
    }

    fn unreadable(&self, error: &hcl_edit::parser::Error) -> Diagnostic {
        let offset = self.text.floor_char_boundary(error.location().offset());
        let found = self.text[offset..].chars().next();
        let length = found.map_or(0, char::len_utf8);
        let message = match (error.message(), found) {
            // The parser takes the end for the last character.
            ("unexpected token", Some(_)) if self.text[offset + length..].trim().is_empty() => "the text ends too early".into(),
            ("unexpected token", Some(found)) => format!("`{}` is not expected here", found.escape_default()),
            (message, _) => message.to_owned(),
        };
        mistake::unreadable(&message, self.span(offset..offset + length))
    }

    fn word(&mut self, name: &str, range: Option<Range<usize>>) -> Word {
        Word { name: self.name(name), at: self.at(range.unwrap_or(0..0)) }
    }

    fn name(&mut self, name: &str) -> Name {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        let name = normal(name);
        self.names.insert(name.clone());
        name
    }

    fn body(&mut self, body: hcl_edit::structure::Body) -> Body {
        let mut read = Body::default();
        for structure in body {
            match structure {
                Structure::Attribute(it) => {
                    let name = self.word(it.key.as_str(), it.key.span());
                    let value = self.expression(it.value);
                    read.arguments.push(Argument { name, value });
                }
                Structure::Block(it) => {
                    let at = self.at(it.span().unwrap_or(0..0));
                    let kind = self.word(it.ident.as_str(), it.ident.span());
                    let labels: Vec<Word> = it.labels.iter().map(|it| self.label(it)).collect();
                    let head = kind.at.to(labels.last().map_or(kind.at, |it| it.at));
                    read.blocks.push(Block { kind, labels, body: self.body(it.body), head, at });
                }
            }
        }
        read
    }

    fn label(&mut self, label: &BlockLabel) -> Word {
        match label {
            BlockLabel::Ident(it) => self.word(it.as_str(), it.span()),
            BlockLabel::String(it) => self.word(it.as_str(), it.span()),
        }
    }

    fn expression(&mut self, expression: Expression) -> Node {
        let range = expression.span().unwrap_or(0..0);
        let at = self.at(range.clone());
        let kind = match expression {
            Expression::Null(_) => Kind::Literal(Value::Null),
            Expression::Bool(it) => Kind::Literal(Value::Bool(it.into_value())),
            Expression::Number(_) => {
                let written: String = self.text[range.clone()].chars().filter(|it| !it.is_whitespace()).collect();
                match written.parse::<Number>() {
                    Ok(number) => Kind::Literal(Value::Number(number)),
                    Err(_) => {
                        self.problems.push(mistake::number_out_of_range(self.span(range)));
                        Kind::Literal(Value::from(0))
                    }
                }
            }
            Expression::String(it) => {
                self.refuse_line_end(&range);
                Kind::Literal(Value::String(normal(it.as_str())))
            }
            Expression::Array(it) => Kind::Tuple(it.into_iter().map(|it| self.expression(it)).collect()),
            Expression::Object(it) => Kind::Object(it.into_iter().map(|(key, value)| self.entry(key, value)).collect()),
            Expression::StringTemplate(it) => {
                let tokens = self.quoted_tokens(it.into());
                template::node(tokens, Unit::Whole)
            }
            Expression::HeredocTemplate(it) => self.heredoc(*it, range),
            Expression::Parenthesis(it) => Kind::Parenthesis(Box::new(self.expression(it.into_inner()))),
            Expression::Variable(it) => Kind::Root(self.name(it.as_str())),
            Expression::Conditional(it) => Kind::Conditional(Box::new([
                self.expression(it.cond_expr),
                self.expression(it.true_expr),
                self.expression(it.false_expr),
            ])),
            Expression::FuncCall(it) => self.call(*it),
            Expression::Traversal(it) => return self.traversal(*it, range.end),
            Expression::UnaryOp(it) => {
                let operand = Box::new(self.expression(it.expr));
                match it.operator.value() {
                    UnaryOperator::Neg => Kind::Negative(operand),
                    UnaryOperator::Not => Kind::Not(operand),
                }
            }
            Expression::BinaryOp(it) => {
                let operator = operator(*it.operator.value());
                Kind::Binary(operator, Box::new([self.expression(it.lhs_expr), self.expression(it.rhs_expr)]))
            }
            Expression::ForExpr(it) => self.each(*it),
        };
        Node { at, kind }
    }

    fn entry(&mut self, key: ObjectKey, value: expr::ObjectValue) -> (Node, Node) {
        let key = match key {
            ObjectKey::Ident(it) => {
                Node::new(self.at(it.span().unwrap_or(0..0)), Kind::Literal(Value::String(self.name(it.as_str()))))
            }
            // The words that have a meaning elsewhere are names here.
            ObjectKey::Expression(Expression::Null(it)) => {
                Node::new(self.at(it.span().unwrap_or(0..0)), Kind::Literal(Value::from("null")))
            }
            ObjectKey::Expression(it) => self.expression(it),
        };
        (key, self.expression(value.into_expr()))
    }

    fn call(&mut self, call: expr::FuncCall) -> Kind {
        let namespace: String = call.name.namespace.iter().map(|it| format!("{}::", it.as_str())).collect();
        let start = call.name.namespace.first().unwrap_or(&call.name.name).span().map_or(0, |it| it.start);
        let end = call.name.name.span().map_or(start, |it| it.end);
        let name = self.word(&format!("{namespace}{}", call.name.name.as_str()), Some(start..end));
        let spread = call.args.expand_final();
        Kind::Call(Call { name, arguments: call.args.into_iter().map(|it| self.expression(it)).collect(), spread })
    }

    fn each(&mut self, it: expr::ForExpr) -> Kind {
        let key = it.intro.key_var.map(|it| self.word(it.as_str(), it.span()));
        let value = self.word(it.intro.value_var.as_str(), it.intro.value_var.span());
        Kind::For(Box::new(For {
            key,
            value,
            collection: self.expression(it.intro.collection_expr),
            result_key: it.key_expr.map(|it| self.expression(it)),
            result: self.expression(it.value_expr),
            condition: it.cond.map(|it| self.expression(it.expr)),
            grouping: it.grouping,
        }))
    }

    fn traversal(&mut self, traversal: expr::Traversal, end: usize) -> Node {
        let root = self.expression(traversal.expr);
        let mut steps = traversal.operators.into_iter().map(|it| (it.span().unwrap_or(end..end), it.into_value())).peekable();
        self.steps(root, &mut steps)
    }

    fn steps(
        &mut self,
        mut node: Node,
        steps: &mut std::iter::Peekable<impl Iterator<Item = (Range<usize>, TraversalOperator)>>,
    ) -> Node {
        while let Some((range, step)) = steps.next() {
            let at = node.at.to(self.at(range.clone()));
            let kind = match step {
                TraversalOperator::GetAttr(it) => Kind::Attribute(Box::new(node), self.word(it.as_str(), it.span())),
                TraversalOperator::LegacyIndex(it) => {
                    let number = it.value().to_string().parse().unwrap_or(Number::ZERO);
                    let key = Node::new(self.at(range), Kind::Literal(Value::Number(number)));
                    Kind::Index(Box::new(node), Box::new(key))
                }
                TraversalOperator::Index(it) => {
                    let key = self.expression(it);
                    Kind::Index(Box::new(node), Box::new(key))
                }
                TraversalOperator::AttrSplat(_) => {
                    let mut each = Node::new(self.at(range), Kind::Element);
                    while let Some((range, TraversalOperator::GetAttr(_) | TraversalOperator::LegacyIndex(_))) = steps.peek() {
                        let one = [(range.clone(), steps.next().expect("it was just seen").1)];
                        each = self.steps(each, &mut one.into_iter().peekable());
                    }
                    if let Some((range, TraversalOperator::AttrSplat(_))) = steps.peek() {
                        self.problems.push(mistake::splat_in_splat(self.span(range.clone())));
                    }
                    Kind::Splat(Box::new(node), Box::new(each))
                }
                TraversalOperator::FullSplat(_) => {
                    let each = Node::new(self.at(range), Kind::Element);
                    let each = self.steps(each, steps);
                    Kind::Splat(Box::new(node), Box::new(each))
                }
            };
            let at = match &kind {
                Kind::Splat(_, each) => at.to(each.at),
                _ => at,
            };
            node = Node { at, kind };
        }
        node
    }

    fn heredoc(&mut self, heredoc: hcl_edit::template::HeredocTemplate, range: Range<usize>) -> Kind {
        let whole: &'a str = self.text;
        let source = &whole[range.clone()];
        if !source.starts_with("<<-") {
            let tokens = self.tokens(heredoc.template);
            return template::node(tokens, Unit::Line);
        }
        // The parser's own removal of indentation does not follow the language's rules, so the text is read again raw.
        let first = source.find('\n').map_or(source.len(), |it| it + 1);
        let last = source.rfind('\n').map_or(first, |it| it + 1).max(first);
        let raw = &source[first..last];
        match readable(raw, hcl_edit::parser::parse_template) {
            Ok(read) => {
                let (text, shift) = (self.text, self.shift);
                self.text = raw;
                self.shift += isize::try_from(range.start + first).unwrap_or(0);
                let tokens = self.tokens(read);
                (self.text, self.shift) = (text, shift);
                template::outdented_node(tokens)
            }
            Err(error) => {
                self.problems.push(mistake::unreadable(error.message(), self.span(range)));
                Kind::Literal(Value::from(""))
            }
        }
    }

    fn quoted_tokens(&mut self, read: Template) -> Vec<Token> {
        for element in read.iter() {
            if let (Element::Literal(_), Some(range)) = (element, element.span()) {
                self.refuse_line_end(&range);
            }
        }
        self.tokens(read)
    }

    fn refuse_line_end(&mut self, range: &Range<usize>) {
        if let Some(line_end) = self.text[range.clone()].find('\n') {
            let at = range.start + line_end;
            self.problems.push(mistake::line_end_in_text(self.span(at..at + 1)));
        }
    }

    /// The template as a flat sequence, since trimming looks across the borders of its directives.
    fn tokens(&mut self, read: Template) -> Vec<Token> {
        let mut tokens = Vec::new();
        for element in read {
            match element {
                Element::Literal(it) => tokens.push(Token::Text(it.value().nfc().collect())),
                Element::Interpolation(it) => {
                    let strips = Strips { left: it.strip.strip_start(), right: it.strip.strip_end() };
                    tokens.push(Token::Value(self.expression(it.expr), strips));
                }
                Element::Directive(it) => self.directive(*it, &mut tokens),
            }
        }
        tokens
    }

    fn directive(&mut self, directive: Directive, tokens: &mut Vec<Token>) {
        let strips = |it: hcl_edit::template::Strip| Strips { left: it.strip_start(), right: it.strip_end() };
        match directive {
            Directive::If(it) => {
                tokens.push(Token::If(self.expression(it.if_expr.cond_expr), strips(it.if_expr.strip)));
                tokens.extend(self.tokens(it.if_expr.template));
                if let Some(otherwise) = it.else_expr {
                    tokens.push(Token::Else(strips(otherwise.strip)));
                    tokens.extend(self.tokens(otherwise.template));
                }
                tokens.push(Token::End(strips(it.endif_expr.strip)));
            }
            Directive::For(it) => {
                let head = it.for_expr;
                let key = head.key_var.map(|it| self.word(it.as_str(), it.span()));
                let value = self.word(head.value_var.as_str(), head.value_var.span());
                let collection = self.expression(head.collection_expr);
                tokens.push(Token::For { key, value, collection, strips: strips(head.strip) });
                tokens.extend(self.tokens(head.template));
                tokens.push(Token::End(strips(it.endfor_expr.strip)));
            }
        }
    }
}

fn operator(operator: BinaryOperator) -> Operator {
    match operator {
        BinaryOperator::Eq => Operator::Equal,
        BinaryOperator::NotEq => Operator::NotEqual,
        BinaryOperator::LessEq => Operator::LessOrEqual,
        BinaryOperator::GreaterEq => Operator::GreaterOrEqual,
        BinaryOperator::Less => Operator::Less,
        BinaryOperator::Greater => Operator::Greater,
        BinaryOperator::Plus => Operator::Add,
        BinaryOperator::Minus => Operator::Subtract,
        BinaryOperator::Mul => Operator::Multiply,
        BinaryOperator::Div => Operator::Divide,
        BinaryOperator::Mod => Operator::Remainder,
        BinaryOperator::And => Operator::And,
        BinaryOperator::Or => Operator::Or,
    }
}

/// A text in its composed normal form, as all texts of the language are.
fn normal(text: &str) -> Name {
    if text.is_ascii() { text.into() } else { text.nfc().collect::<String>().into() }
}
