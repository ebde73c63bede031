//! Parsing of expressions.

use ha_value::{Number, Value};

use super::cursor::TokenCursor;
use super::likely_error::BracketKind;
use super::{MAX_HEIGHT, ParseResult};
use crate::diagnostics;
use crate::lexer::{Token, TokenKind as Sign};
use crate::syntax::{
    ByteSpan, CallSyntax, ForSyntax, Operator, SourceWord, SyntaxKind, SyntaxNode,
};
use crate::syntax_errors;

impl TokenCursor<'_> {
    /// Parses an expression.
    pub(super) fn expression(&mut self) -> ParseResult<SyntaxNode> {
        // `a ? b : c ? d : e …` is right-associative. Users write long lists of cases this way, so
        // the false results are parsed in a loop and not recursively.
        let mut cases = Vec::new();
        let mut last = self.chain(0)?;
        while self.take_if(Sign::Question).is_some() {
            let mut height = self.height;
            let then = self.nested(Self::expression)?;
            height = height.max(self.height);
            if self.take_if(Sign::Colon).is_none() {
                return self.missing_false_result();
            }
            cases.push((last, then, height));
            last = self.chain(0)?;
        }
        while let Some((condition, then, height)) = cases.pop() {
            let at = condition.at.to(last.at);
            last = self.node(
                at,
                height.max(self.height),
                SyntaxKind::Conditional(Box::new([condition, then, last])),
            )?;
        }
        Ok(last)
    }

    /// A node whose highest child has the height `below`.
    fn node(&mut self, at: ByteSpan, below: usize, kind: SyntaxKind) -> ParseResult<SyntaxNode> {
        self.height = below + 1;
        if self.height > MAX_HEIGHT {
            return self.refuse(syntax_errors::too_long_a_chain(MAX_HEIGHT, self.span(at)));
        }
        Ok(SyntaxNode { at, kind })
    }

    /// Parses operands joined by operators with at least this precedence (precedence climbing).
    fn chain(&mut self, strength: u8) -> ParseResult<SyntaxNode> {
        let mut left = self.operand()?;
        loop {
            let Some((operator, binds)) =
                operator(self.peek().kind).filter(|(_, binds)| *binds >= strength)
            else {
                return Ok(left);
            };
            self.take();
            let height = self.height;
            // All operators are left-associative, so the right operand binds tighter.
            let right = self.chain(binds + 1)?;
            let at = left.at.to(right.at);
            left = self.node(
                at,
                height.max(self.height),
                SyntaxKind::Binary(operator, Box::new([left, right])),
            )?;
        }
    }

    /// Parses a term with its attributes and indexes.
    fn operand(&mut self) -> ParseResult<SyntaxNode> {
        // `-a.b` is `-(a.b)`: steps belong to the term and not to the operator before it, which
        // parses its own operand.
        let term = self.term()?;
        self.steps(term)
    }

    fn term(&mut self) -> ParseResult<SyntaxNode> {
        let token = self.peek();
        self.height = 1;
        match token.kind {
            Sign::Number => {
                self.take();
                self.number(token)
            }
            Sign::Identifier => self.named(),
            Sign::QuoteOpen => self.quoted(),
            Sign::HeredocOpen => self.heredoc(),
            Sign::Minus | Sign::Not => {
                self.take();
                let operand = Box::new(self.nested(Self::operand)?);
                let at = token.at.to(operand.at);
                let kind = if token.kind == Sign::Minus {
                    SyntaxKind::Negative(operand)
                } else {
                    SyntaxKind::Not(operand)
                };
                self.node(at, self.height, kind)
            }
            Sign::ParenthesisOpen => {
                let inner = self.in_brackets(|it| {
                    let inner = it.expression()?;
                    Ok((inner, it.close(token, Sign::ParenthesisClose, BracketKind::Parentheses)?))
                })?;
                self.node(
                    token.at.to(inner.1.at),
                    self.height,
                    SyntaxKind::Parenthesis(Box::new(inner.0)),
                )
            }
            Sign::BracketOpen => self.in_brackets(|it| {
                if it.is_word("for") { it.for_expression(token) } else { it.tuple(token) }
            }),
            Sign::BraceOpen => self.in_brackets(|it| {
                if it.is_word("for") { it.for_expression(token) } else { it.object(token) }
            }),
            _ => self.unexpected_instead_of_value(),
        }
    }

    /// Consumes an opening bracket and parses its content, in which line ends are white space.
    fn in_brackets<T>(&mut self, read: impl FnOnce(&mut Self) -> ParseResult<T>) -> ParseResult<T> {
        self.take();
        self.nested(|it| it.ignoring_lines(read))
    }

    fn number(&mut self, token: Token) -> ParseResult<SyntaxNode> {
        // HCL allows `1.e5`, which `Number` does not parse.
        let written = self.written(token.at).replace(".e", "e").replace(".E", "e");
        let kind = match written.parse::<Number>() {
            Ok(number) => SyntaxKind::Literal(Value::Number(number)),
            Err(_) if written.bytes().filter(|it| *it == b'.').count() > 1 => {
                return self.refuse(syntax_errors::two_points(self.span(token.at)));
            }
            Err(_) => {
                // The syntax is right, so parsing continues with a placeholder.
                self.problems.push(diagnostics::number_out_of_range(self.span(token.at)));
                SyntaxKind::Literal(Value::from(0))
            }
        };
        Ok(SyntaxNode::new(token.at, kind))
    }

    /// Parses what begins with a word: a call, a keyword or a reference.
    fn named(&mut self) -> ParseResult<SyntaxNode> {
        let token = self.take();
        match self.peek().kind {
            Sign::ParenthesisOpen | Sign::DoubleColon => return self.call(token),
            _ => {}
        }
        let kind = match self.written(token.at) {
            "null" => SyntaxKind::Literal(Value::NULL),
            "true" => SyntaxKind::Literal(Value::Bool(true)),
            "false" => SyntaxKind::Literal(Value::Bool(false)),
            name => SyntaxKind::Root(self.name(name)),
        };
        Ok(SyntaxNode::new(token.at, kind))
    }

    fn call(&mut self, first: Token) -> ParseResult<SyntaxNode> {
        let mut name = self.word(first);
        while self.take_if(Sign::DoubleColon).is_some() {
            let part = self.identifier("the name of a function")?;
            name.name = self.name(&format!("{}::{}", name.name, part.name));
            name.at = name.at.to(part.at);
        }
        let open = self.peek();
        if open.kind != Sign::ParenthesisOpen {
            return self.unexpected("`(`");
        }
        let mut arguments = Vec::new();
        let (mut height, mut spread) = (0, false);
        let close = self.in_brackets(|it| {
            loop {
                if let Some(close) = it.take_if(Sign::ParenthesisClose) {
                    return Ok(close);
                }
                arguments.push(it.expression()?);
                height = height.max(it.height);
                // `...` is allowed only after the last argument.
                spread = it.take_if(Sign::Ellipsis).is_some();
                if spread {
                    return it.expect(Sign::ParenthesisClose, "`)`");
                }
                if it.take_if(Sign::Comma).is_none() {
                    return it.close(open, Sign::ParenthesisClose, BracketKind::Call);
                }
            }
        })?;
        self.node(
            first.at.to(close.at),
            height,
            SyntaxKind::Call(CallSyntax { name, arguments, spread }),
        )
    }

    fn tuple(&mut self, open: Token) -> ParseResult<SyntaxNode> {
        let (mut items, mut height) = (Vec::new(), 0);
        let close = loop {
            if let Some(close) = self.take_if(Sign::BracketClose) {
                break close;
            }
            // A closing bracket of another kind is reported as such; as a value it would get a
            // general message.
            if self.peek().kind.depth() < 0 {
                break self.unexpected_in_brackets(open, BracketKind::List)?;
            }
            items.push(self.expression()?);
            height = height.max(self.height);
            if self.take_if(Sign::Comma).is_none() {
                break self.close(open, Sign::BracketClose, BracketKind::List)?;
            }
        };
        self.node(open.at.to(close.at), height, SyntaxKind::Tuple(items))
    }

    fn object(&mut self, open: Token) -> ParseResult<SyntaxNode> {
        let (mut entries, mut height) = (Vec::new(), 0);
        // Inside the braces of an object a line end separates entries, also where an outer bracket
        // ignores line ends.
        let close = self.with_line_ends(true, |it| {
            loop {
                while it.take_if(Sign::Newline).is_some() {}
                if let Some(close) = it.take_if(Sign::BraceClose) {
                    return Ok(close);
                }
                if it.peek().kind.depth() < 0 {
                    return it.unexpected_in_brackets(open, BracketKind::Object);
                }
                let key = it.expression()?;
                height = height.max(it.height);
                if it.take_if(Sign::Assign).or_else(|| it.take_if(Sign::Colon)).is_none() {
                    return it.unexpected_after_key(open, &key);
                }
                let value = it.expression()?;
                height = height.max(it.height);
                entries.push((it.key(key), value));
                if it.take_if(Sign::Comma).or_else(|| it.take_if(Sign::Newline)).is_none() {
                    return it.close(open, Sign::BraceClose, BracketKind::Object);
                }
            }
        })?;
        self.node(open.at.to(close.at), height, SyntaxKind::Object(entries))
    }

    /// The key of an object: a bare name is a string and not a reference, and so are the keywords
    /// `null`, `true` and `false`.
    fn key(&mut self, key: SyntaxNode) -> SyntaxNode {
        match key.kind {
            SyntaxKind::Root(name) => {
                SyntaxNode::new(key.at, SyntaxKind::Literal(Value::String(name)))
            }
            SyntaxKind::Literal(Value::Null(_) | Value::Bool(_)) => SyntaxNode::new(
                key.at,
                SyntaxKind::Literal(Value::String(self.name(self.written(key.at)))),
            ),
            _ => key,
        }
    }

    fn for_expression(&mut self, open: Token) -> ParseResult<SyntaxNode> {
        self.take();
        let mut value = self.element_name()?;
        let mut key = None;
        if self.take_if(Sign::Comma).is_some() {
            key = Some(std::mem::replace(&mut value, self.element_name()?));
        }
        if !self.take_word("in") {
            return self.unexpected_in_for("in");
        }
        let collection = self.expression()?;
        let mut height = self.height;
        if self.take_if(Sign::Colon).is_none() {
            return self.unexpected_in_for(":");
        }
        let mut result = self.expression()?;
        height = height.max(self.height);
        let (mut result_key, mut grouping) = (None, false);
        if open.kind == Sign::BraceOpen {
            if self.take_if(Sign::Arrow).is_none() {
                return self.unexpected_in_for("=>");
            }
            result_key = Some(std::mem::replace(&mut result, self.expression()?));
            height = height.max(self.height);
            grouping = self.take_if(Sign::Ellipsis).is_some();
        }
        let mut condition = None;
        if self.take_word("if") {
            condition = Some(self.expression()?);
            height = height.max(self.height);
        }
        let close = match open.kind {
            Sign::BraceOpen => self.expect(Sign::BraceClose, "`}`")?,
            _ => self.expect(Sign::BracketClose, "`]`")?,
        };
        let each = ForSyntax { key, value, collection, result_key, result, condition, grouping };
        self.node(open.at.to(close.at), height, SyntaxKind::For(Box::new(each)))
    }

    fn element_name(&mut self) -> ParseResult<SourceWord> {
        match self.take_if(Sign::Identifier) {
            Some(token) => Ok(self.word(token)),
            None => self.unexpected_in_for("name"),
        }
    }

    /// Consumes the closing bracket of `open`.
    fn close(&mut self, open: Token, kind: Sign, inside: BracketKind) -> ParseResult<Token> {
        match self.take_if(kind) {
            Some(token) => Ok(token),
            None => self.unexpected_in_brackets(open, inside),
        }
    }

    /// Parses the attributes, indexes and splats after a term.
    fn steps(&mut self, mut node: SyntaxNode) -> ParseResult<SyntaxNode> {
        loop {
            node = match self.peek().kind {
                Sign::Dot => {
                    self.take();
                    match self.take_if(Sign::Star) {
                        Some(star) => self.attribute_splat(node, star)?,
                        None => self.attribute(node)?,
                    }
                }
                Sign::BracketOpen => self.index(node)?,
                _ => return Ok(node),
            };
        }
    }

    /// Parses an attribute, or an index in the old notation `list.0`, after a dot.
    fn attribute(&mut self, node: SyntaxNode) -> ParseResult<SyntaxNode> {
        let token = self.peek();
        let height = self.height;
        match token.kind {
            Sign::Identifier => {
                self.take();
                let word = self.word(token);
                self.node(node.at.to(token.at), height, SyntaxKind::Attribute(Box::new(node), word))
            }
            Sign::Number => {
                self.take();
                if !self.written(token.at).bytes().all(|it| it.is_ascii_digit()) {
                    return self.refuse(syntax_errors::not_an_index(
                        self.written(token.at),
                        self.span(token.at),
                    ));
                }
                let key = self.number(token)?;
                self.node(
                    node.at.to(token.at),
                    height,
                    SyntaxKind::Index(Box::new(node), Box::new(key)),
                )
            }
            _ => self.unexpected_after_dot(),
        }
    }

    /// Parses the rest of `.*` and the attributes after it. Only attributes belong to the elements:
    /// an index after them applies to the whole result, unlike with `[*]`.
    fn attribute_splat(&mut self, node: SyntaxNode, star: Token) -> ParseResult<SyntaxNode> {
        let height = self.height;
        let mut each = SyntaxNode::new(star.at, SyntaxKind::Element);
        self.height = height + 1;
        while self.take_if(Sign::Dot).is_some() {
            if let Some(star) = self.take_if(Sign::Star) {
                return self.refuse(diagnostics::splat_in_splat(self.span(star.at)));
            }
            each = self.attribute(each)?;
        }
        self.node(
            node.at.to(each.at),
            self.height,
            SyntaxKind::Splat(Box::new(node), Box::new(each)),
        )
    }

    fn index(&mut self, node: SyntaxNode) -> ParseResult<SyntaxNode> {
        let height = self.height;
        let open = self.peek();
        let read = self.in_brackets(|it| {
            if it.take_if(Sign::Star).is_some() {
                return Ok((None, it.expect(Sign::BracketClose, "`]`")?));
            }
            let key = it.expression()?;
            Ok((Some(key), it.close(open, Sign::BracketClose, BracketKind::Index)?))
        })?;
        match read {
            (Some(key), close) => {
                let at = node.at.to(close.at);
                self.node(
                    at,
                    height.max(self.height),
                    SyntaxKind::Index(Box::new(node), Box::new(key)),
                )
            }
            // All steps after `[*]` apply to each element.
            (None, close) => {
                let element = SyntaxNode::new(close.at, SyntaxKind::Element);
                self.height = height + 1;
                // A splat in the steps of a splat nests, which the level bounds.
                let each = self.nested(|it| it.steps(element))?;
                self.node(
                    node.at.to(each.at),
                    self.height,
                    SyntaxKind::Splat(Box::new(node), Box::new(each)),
                )
            }
        }
    }
}

/// The binary operator of a token, and its precedence; greater binds tighter.
fn operator(sign: Sign) -> Option<(Operator, u8)> {
    Some(match sign {
        Sign::Or => (Operator::Or, 1),
        Sign::And => (Operator::And, 2),
        Sign::Equal => (Operator::Equal, 3),
        Sign::NotEqual => (Operator::NotEqual, 3),
        Sign::Less => (Operator::Less, 4),
        Sign::LessOrEqual => (Operator::LessOrEqual, 4),
        Sign::Greater => (Operator::Greater, 4),
        Sign::GreaterOrEqual => (Operator::GreaterOrEqual, 4),
        Sign::Plus => (Operator::Add, 5),
        Sign::Minus => (Operator::Subtract, 5),
        Sign::Star => (Operator::Multiply, 6),
        Sign::Slash => (Operator::Divide, 6),
        Sign::Percent => (Operator::Remainder, 6),
        _ => return None,
    })
}
