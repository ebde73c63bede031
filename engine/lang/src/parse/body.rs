//! Parsing of files and blocks.

use std::collections::hash_map::Entry;

use ha_value::{HashMap, Name};

use super::ParseResult;
use super::cursor::TokenCursor;
use crate::lexer::{Token, TokenKind};
use crate::syntax::{ArgumentSyntax, BlockSyntax, BodySyntax, ByteSpan, SourceWord};
use crate::syntax_errors;

impl TokenCursor<'_> {
    /// Parses a whole file.
    pub(super) fn file(&mut self) -> BodySyntax {
        self.items(|it| it.item_start = Some(it.peek().at.start))
    }

    /// Parses a text in which a suggested fix was applied. No suggestions are made there: each
    /// would be verified by another parse, without end.
    pub(super) fn file_without_suggestions(&mut self) -> BodySyntax {
        self.items(|_| {})
    }

    /// Parses all items; `before` is called before each of them.
    fn items(&mut self, before: impl Fn(&mut Self)) -> BodySyntax {
        let mut body = BodySyntax::default();
        loop {
            before(self);
            match self.item(&mut body, None) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => self.resume(),
            }
        }
        self.refuse_repeated(&mut body);
        body
    }

    /// Parses one item into a body; false at the end of the body. `open` is the opening brace of a
    /// block, and `None` for a file.
    fn item(&mut self, body: &mut BodySyntax, open: Option<Token>) -> ParseResult<bool> {
        while self.take_if(TokenKind::Newline).is_some() {}
        match (self.peek().kind, open) {
            (TokenKind::End, None) | (TokenKind::BraceClose, Some(_)) => return Ok(false),
            (TokenKind::End, Some(open)) => return self.never_closed(open),
            _ => {}
        }
        let Some(token) = self.take_if(TokenKind::Identifier) else {
            return self.unexpected_instead_of_item(open.is_some());
        };
        let name = self.word(token);
        if self.take_if(TokenKind::Assign).is_some() {
            body.arguments.push(ArgumentSyntax { name, value: self.expression()? });
        } else {
            // What is not followed by `=` is a block; an argument with a missing `=` is recognised
            // by the tokens after the name.
            body.blocks.push(self.nested(|it| it.block(name, open.is_some()))?);
        }
        match self.peek().kind {
            TokenKind::Newline | TokenKind::End => Ok(true),
            _ => self.unexpected_after_item(),
        }
    }

    /// Reports a block that is never closed. An item inside it that begins at the start of a line
    /// is probably not meant to be inside, so that the brace is missing before it.
    fn never_closed<T>(&mut self, open: Token) -> ParseResult<T> {
        let mut problem = syntax_errors::never_closed(self.span(open.at));
        let inside = self.tokens.partition_point(|it| it.at.start <= open.at.start);
        let begins = |it: &&Token| {
            it.kind == TokenKind::Identifier && self.text[..it.at.start as usize].ends_with('\n')
        };
        if let Some(found) = self.tokens[inside..].iter().find(begins) {
            problem = problem
                .related(self.span(found.at), "this is inside of it: is a `}` missing before?");
        }
        self.refuse(problem)
    }

    /// Removes and reports arguments that are given a second time.
    fn refuse_repeated(&mut self, body: &mut BodySyntax) {
        // The first of two arguments stays, so that the rest of the configuration can be checked
        // with it.
        if body.arguments.len() < 2 {
            return;
        }
        let mut seen: HashMap<Name, ByteSpan> = HashMap::default();
        body.arguments.retain(|ArgumentSyntax { name, .. }| match seen.entry(name.name.clone()) {
            Entry::Vacant(place) => {
                place.insert(name.at);
                true
            }
            Entry::Occupied(first) => {
                let (first, again) = (self.span(*first.get()), self.span(name.at));
                self.problems.push(syntax_errors::argument_twice(&name.name, &first, again));
                false
            }
        });
    }

    /// Parses the labels and the body of a block. `inside` means that the block is inside another
    /// one.
    fn block(&mut self, kind: SourceWord, inside: bool) -> ParseResult<BlockSyntax> {
        let mut labels = Vec::new();
        let open = loop {
            let token = self.peek();
            match token.kind {
                TokenKind::Identifier => {
                    self.take();
                    labels.push(self.word(token));
                }
                TokenKind::QuoteOpen => labels.push(self.label()?),
                TokenKind::BraceOpen => break self.take(),
                _ => return self.unexpected_after_name(&kind, &labels, inside),
            }
        };
        let mut body = BodySyntax::default();
        let close = match self.peek().kind {
            TokenKind::Newline => {
                while self.item(&mut body, Some(open))? {}
                self.refuse_repeated(&mut body);
                self.take()
            }
            TokenKind::BraceClose => self.take(),
            _ => self.one_line(&mut body)?,
        };
        let head = kind.at.to(labels.last().map_or(kind.at, |it| it.at));
        let at = kind.at.to(close.at);
        Ok(BlockSyntax { kind, labels, body, head, at })
    }

    /// Parses the single argument of a block on one line; the grammar allows no second one.
    fn one_line(&mut self, body: &mut BodySyntax) -> ParseResult<Token> {
        let name = self.identifier("an argument or `}`")?;
        if self.take_if(TokenKind::Assign).is_none() {
            return self.unexpected_after_name_in_line(&name);
        }
        let value = self.expression()?;
        body.arguments.push(ArgumentSyntax { name, value });
        match self.take_if(TokenKind::BraceClose) {
            Some(close) => Ok(close),
            None => self.unexpected_after_argument_in_line(),
        }
    }

    /// Parses a label in quotes.
    fn label(&mut self) -> ParseResult<SourceWord> {
        let open = self.take();
        let (text, close) = self.literal_text(open)?;
        Ok(SourceWord { name: self.name(&text), at: open.at.to(close.at) })
    }
}
