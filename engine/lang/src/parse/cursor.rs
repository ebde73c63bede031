//! A place among tokens.

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_value::{HashSet, Name};

use super::{LEVELS, ParseError, ParseResult, normal};
use crate::SourceFile;
use crate::diagnostics;
use crate::lexer::{self, Token, TokenKind};
use crate::syntax::{ByteSpan, SourceWord};
use crate::syntax_errors;

pub(super) struct TokenCursor<'a> {
    file: &'a SourceFile,
    pub(super) text: &'a str,
    pub(super) tokens: Vec<Token>,
    pub(super) next: usize,
    /// Whether line ends mean something here.
    lines: bool,
    /// How many brackets, blocks and directives are open.
    pub(super) level: usize,
    /// How high the tree is that was read last.
    pub(super) height: usize,
    /// Names that were met, so that each is kept once.
    names: HashSet<Name>,
    pub(super) problems: Vec<Diagnostic>,
    /// Where the block or argument of the file begins that is being read; none where no file is
    /// being read, and none on trial of what is suggested.
    pub(super) begin: Option<u32>,
}

impl<'a> TokenCursor<'a> {
    pub(super) fn new(file: &'a SourceFile, tokens: Vec<Token>) -> Self {
        let (names, problems) = (HashSet::default(), Vec::new());
        Self {
            file,
            text: &file.text,
            tokens,
            next: 0,
            lines: true,
            level: 0,
            height: 0,
            names,
            problems,
            begin: None,
        }
    }

    /// The token that comes next, comments and line ends without meaning aside.
    pub(super) fn peek(&mut self) -> Token {
        loop {
            let token = self.tokens[self.next];
            match token.kind {
                TokenKind::Newline if !self.lines => self.next += 1,
                TokenKind::Comment if self.lines && self.written(token.at).ends_with('\n') => {
                    return Token { kind: TokenKind::Newline, at: token.at };
                }
                TokenKind::Comment => self.next += 1,
                _ => return token,
            }
        }
    }

    pub(super) fn take(&mut self) -> Token {
        let token = self.peek();
        // The end stays where it is.
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    pub(super) fn take_if(&mut self, kind: TokenKind) -> Option<Token> {
        if self.peek().kind == kind { Some(self.take()) } else { None }
    }

    /// The token that comes next, which must be of a kind.
    pub(super) fn expect(&mut self, kind: TokenKind, what: &str) -> ParseResult<Token> {
        match self.take_if(kind) {
            Some(token) => Ok(token),
            None => self.unexpected(what),
        }
    }

    /// Whether the next token is this word.
    pub(super) fn is_word(&mut self, word: &str) -> bool {
        let token = self.peek();
        token.kind == TokenKind::Identifier && self.written(token.at) == word
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.take();
        }
        found
    }

    /// Reads something within which line ends mean nothing.
    pub(super) fn over_lines<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> ParseResult<T>,
    ) -> ParseResult<T> {
        self.with_lines(false, read)
    }

    /// Reads something within which line ends mean something, or nothing.
    pub(super) fn with_lines<T>(
        &mut self,
        lines: bool,
        read: impl FnOnce(&mut Self) -> ParseResult<T>,
    ) -> ParseResult<T> {
        let outer = std::mem::replace(&mut self.lines, lines);
        let result = read(self);
        self.lines = outer;
        result
    }

    /// Reads something a level deeper.
    pub(super) fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> ParseResult<T>,
    ) -> ParseResult<T> {
        if self.level == LEVELS {
            let at = self.peek().at;
            return self.refuse(syntax_errors::too_deep(LEVELS, self.span(at)));
        }
        self.level += 1;
        let result = read(self);
        self.level -= 1;
        result
    }

    /// Goes on with the next line that begins a block or an argument of the file.
    pub(super) fn resume(&mut self) {
        (self.lines, self.level) = (true, 0);
        self.next = self.resumption();
    }

    /// The place of that line's first token.
    fn resumption(&self) -> usize {
        let begins = |tokens: &[Token]| {
            let [.., first, second] = tokens else { return false };
            let starts_line =
                first.at.start == 0 || self.text.as_bytes()[first.at.start as usize - 1] == b'\n';
            let follows = matches!(
                second.kind,
                TokenKind::Assign
                    | TokenKind::QuoteOpen
                    | TokenKind::Identifier
                    | TokenKind::BraceOpen
            );
            starts_line && first.kind == TokenKind::Identifier && follows
        };
        let found = self.tokens[self.next..].windows(2).position(begins);
        found.map_or(self.tokens.len() - 1, |it| self.next + it)
    }

    /// The block or argument of the file that is being read, up to where reading would go on, with
    /// a string in a place; and where in it that text ends.
    fn patched(&self, begin: u32, at: ByteSpan, text: &str) -> (SourceFile, usize) {
        let end = self.tokens[self.resumption()].at.start.max(at.end);
        let before = &self.text[begin as usize..at.start as usize];
        let behind = &self.text[at.end as usize..end as usize];
        (
            SourceFile::new(self.file.name.clone(), format!("{before}{text}{behind}")),
            before.len() + text.len(),
        )
    }

    /// What is still wrong with what is being read once a string stands in a place, and where that
    /// text ends; none where that cannot be tried.
    fn tried(&self, at: ByteSpan, text: &str) -> Option<(Vec<Diagnostic>, usize)> {
        let begin = self.begin.filter(|it| *it <= at.start)?;
        let (file, end) = self.patched(begin, at, text);
        let mut trial = TokenCursor::new(&file, lexer::tokens(&file.text));
        trial.file_on_trial();
        Some((trial.problems, end))
    }

    /// Whether all that is being read can be read once a string stands in a place.
    pub(super) fn is_mended_by(&self, at: ByteSpan, text: &str) -> bool {
        self.tried(at, text).is_some_and(|(problems, _)| problems.is_empty())
    }

    /// The same without a suggestion after which it could not be read beyond its place.
    fn proven(&self, mut problem: Diagnostic) -> Diagnostic {
        let Some(suggestion) = problem.suggestion.take() else { return problem };
        let narrow = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
        let at = suggestion
            .span
            .as_ref()
            .map(|it| ByteSpan { start: narrow(it.start), end: narrow(it.end) });
        let is_beyond = |(problems, end): (Vec<Diagnostic>, usize)| {
            problems.first().and_then(|it| it.span.as_ref()).is_none_or(|it| it.start >= end)
        };
        if at.and_then(|it| self.tried(it, &suggestion.text)).is_none_or(is_beyond) {
            problem.suggestion = Some(suggestion);
            return problem;
        }
        // What names no string is said of the place that it would have had.
        if suggestion.help.contains('`') { problem.help(suggestion.help) } else { problem }
    }

    /// Whether the file is spelt as Terraform's are.
    pub(super) fn is_terraform(&self) -> bool {
        self.file.name.ends_with(".tf")
    }

    pub(super) fn written(&self, at: ByteSpan) -> &'a str {
        &self.text[at.start as usize..at.end as usize]
    }

    pub(super) fn span(&self, at: ByteSpan) -> SourceSpan {
        SourceSpan::new(self.file.name.clone(), at.start as usize..at.end as usize)
    }

    /// A place up to the end of the line that it begins on.
    fn first_line(&self, at: ByteSpan) -> ByteSpan {
        let line = self.written(at).lines().next().unwrap_or_default();
        ByteSpan::new(at.start as usize, at.start as usize + line.trim_end().len())
    }

    pub(super) fn word(&mut self, token: Token) -> SourceWord {
        SourceWord { name: self.name(self.written(token.at)), at: token.at }
    }

    /// A name, which must come next.
    pub(super) fn identifier(&mut self, what: &str) -> ParseResult<SourceWord> {
        let token = self.expect(TokenKind::Identifier, what)?;
        Ok(self.word(token))
    }

    pub(super) fn name(&mut self, name: &str) -> Name {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        let name = normal(name);
        self.names.insert(name.clone());
        name
    }

    pub(super) fn refuse<T>(&mut self, problem: Diagnostic) -> ParseResult<T> {
        let problem = self.proven(problem);
        self.problems.push(problem);
        Err(ParseError)
    }

    /// Says that something else should come next.
    pub(super) fn unexpected<T>(&mut self, wanted: &str) -> ParseResult<T> {
        let token = self.peek();
        let written = self.written(token.at);
        let problem = match token.kind {
            TokenKind::End => syntax_errors::ends_early(wanted, self.span(token.at)),
            TokenKind::Newline => syntax_errors::line_ends_early(wanted, self.span(token.at)),
            // It goes on to the end of the text, and says what somebody left out for a reason.
            TokenKind::Stray if written.starts_with("/*") => {
                syntax_errors::unclosed_comment(self.span(self.first_line(token.at)))
            }
            TokenKind::Stray if written.is_empty() => diagnostics::line_end_in_text(
                self.span(ByteSpan { end: token.at.end + 1, ..token.at }),
            ),
            _ => syntax_errors::unexpected(written, wanted, self.span(token.at)),
        };
        self.refuse(problem)
    }
}
