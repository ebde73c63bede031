//! Expressions.

use ha_value::{Number, Value};

use super::cursor::TokenCursor;
use super::likely_error::BracketKind;
use super::{HEIGHT, ParseResult};
use crate::diagnostics;
use crate::lexer::{Token, TokenKind as Sign};
use crate::syntax::{
    ByteSpan, CallSyntax, ForSyntax, Operator, SourceWord, SyntaxKind, SyntaxNode,
};
use crate::syntax_errors;

impl TokenCursor<'_> {
    pub(super) fn expression(&mut self) -> ParseResult<SyntaxNode> {
        // A list of cases is as deep as it is long, though it does not look so.
        let mut cases = Vec::new();
        let mut last = self.chain(0)?;
        while self.take_if(Sign::Question).is_some() {
            let mut height = self.height;
            let then = self.deeper(Self::expression)?;
            height = height.max(self.height);
            if self.take_if(Sign::Colon).is_none() {
                return self.no_otherwise();
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

    /// A node above others, of which the highest is so high.
    fn node(&mut self, at: ByteSpan, below: usize, kind: SyntaxKind) -> ParseResult<SyntaxNode> {
        self.height = below + 1;
        if self.height > HEIGHT {
            return self.refuse(syntax_errors::too_long_a_chain(HEIGHT, self.span(at)));
        }
        Ok(SyntaxNode { at, kind })
    }

    /// Operands with operators between them that bind at least so strongly.
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
            let right = self.chain(binds + 1)?;
            let at = left.at.to(right.at);
            left = self.node(
                at,
                height.max(self.height),
                SyntaxKind::Binary(operator, Box::new([left, right])),
            )?;
        }
    }

    fn operand(&mut self) -> ParseResult<SyntaxNode> {
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
                let operand = Box::new(self.deeper(Self::operand)?);
                let at = token.at.to(operand.at);
                let kind = if token.kind == Sign::Minus {
                    SyntaxKind::Negative(operand)
                } else {
                    SyntaxKind::Not(operand)
                };
                self.node(at, self.height, kind)
            }
            Sign::ParenthesisOpen => {
                let inner = self.bracketed(|it| {
                    let inner = it.expression()?;
                    Ok((inner, it.close(token, Sign::ParenthesisClose, BracketKind::Parentheses)?))
                })?;
                self.node(
                    token.at.to(inner.1.at),
                    self.height,
                    SyntaxKind::Parenthesis(Box::new(inner.0)),
                )
            }
            Sign::BracketOpen => self
                .bracketed(|it| if it.is_word("for") { it.each(token) } else { it.tuple(token) }),
            Sign::BraceOpen => self
                .bracketed(|it| if it.is_word("for") { it.each(token) } else { it.object(token) }),
            _ => self.no_value(),
        }
    }

    /// Takes an opening bracket and what is up to the closing one, over line ends.
    fn bracketed<T>(&mut self, read: impl FnOnce(&mut Self) -> ParseResult<T>) -> ParseResult<T> {
        self.take();
        self.deeper(|it| it.over_lines(read))
    }

    fn number(&mut self, token: Token) -> ParseResult<SyntaxNode> {
        let written = self.written(token.at).replace(".e", "e").replace(".E", "e");
        let kind = match written.parse::<Number>() {
            Ok(number) => SyntaxKind::Literal(Value::Number(number)),
            Err(_) if written.bytes().filter(|it| *it == b'.').count() > 1 => {
                return self.refuse(syntax_errors::two_points(self.span(token.at)));
            }
            Err(_) => {
                self.problems.push(diagnostics::number_out_of_range(self.span(token.at)));
                SyntaxKind::Literal(Value::from(0))
            }
        };
        Ok(SyntaxNode::new(token.at, kind))
    }

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
        let close = self.bracketed(|it| {
            loop {
                if let Some(close) = it.take_if(Sign::ParenthesisClose) {
                    return Ok(close);
                }
                arguments.push(it.expression()?);
                height = height.max(it.height);
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
            if self.peek().kind.depth() < 0 {
                break self.not_closed(open, BracketKind::List)?;
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
        let close = self.with_lines(true, |it| {
            loop {
                while it.take_if(Sign::Newline).is_some() {}
                if let Some(close) = it.take_if(Sign::BraceClose) {
                    return Ok(close);
                }
                if it.peek().kind.depth() < 0 {
                    return it.not_closed(open, BracketKind::Object);
                }
                let key = it.expression()?;
                height = height.max(it.height);
                if it.take_if(Sign::Assign).or_else(|| it.take_if(Sign::Colon)).is_none() {
                    return it.no_entry(open, &key);
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

    /// A name that stands for itself as a key, and so do the words that mean something elsewhere.
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

    fn each(&mut self, open: Token) -> ParseResult<SyntaxNode> {
        self.take();
        let mut value = self.element_name()?;
        let mut key = None;
        if self.take_if(Sign::Comma).is_some() {
            key = Some(std::mem::replace(&mut value, self.element_name()?));
        }
        if !self.take_word("in") {
            return self.no_for_sign("in");
        }
        let collection = self.expression()?;
        let mut height = self.height;
        if self.take_if(Sign::Colon).is_none() {
            return self.no_for_sign(":");
        }
        let mut result = self.expression()?;
        height = height.max(self.height);
        let (mut result_key, mut grouping) = (None, false);
        if open.kind == Sign::BraceOpen {
            if self.take_if(Sign::Arrow).is_none() {
                return self.no_for_sign("=>");
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
            None => self.no_for_sign("name"),
        }
    }

    /// The token that closes what was opened.
    fn close(&mut self, open: Token, kind: Sign, inside: BracketKind) -> ParseResult<Token> {
        match self.take_if(kind) {
            Some(token) => Ok(token),
            None => self.not_closed(open, inside),
        }
    }

    /// What is taken out of a value, step by step.
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

    /// Behind a point.
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
            _ => self.no_attribute(),
        }
    }

    /// `.*` and the attributes behind it, which are taken of each element.
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
        let read = self.bracketed(|it| {
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
            // All that follows is taken of each element.
            (None, close) => {
                let element = SyntaxNode::new(close.at, SyntaxKind::Element);
                self.height = height + 1;
                let each = self.deeper(|it| it.steps(element))?;
                self.node(
                    node.at.to(each.at),
                    self.height,
                    SyntaxKind::Splat(Box::new(node), Box::new(each)),
                )
            }
        }
    }
}

/// The operator that a sign is, and how strongly it binds.
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
