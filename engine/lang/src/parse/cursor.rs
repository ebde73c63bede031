//! A cursor over the tokens of a file, with the state of the parser.

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_value::{HashSet, Name};

use super::{MAX_LEVELS, ParseError, ParseResult, normal};
use crate::SourceFile;
use crate::diagnostics;
use crate::lexer::{self, Token, TokenKind};
use crate::syntax::{ByteSpan, SourceWord};
use crate::syntax_errors;

/// The parser of one file.
pub(super) struct TokenCursor<'a> {
    file: &'a SourceFile,
    pub(super) text: &'a str,
    pub(super) tokens: Vec<Token>,
    pub(super) next: usize,
    /// Whether a line end is a token; inside brackets it is white space.
    line_ends_matter: bool,
    /// The number of open brackets, blocks and directives.
    pub(super) level: usize,
    /// The height of the expression that was parsed last.
    pub(super) height: usize,
    /// All names so far, so that equal names share one allocation.
    names: HashSet<Name>,
    pub(super) problems: Vec<Diagnostic>,
    /// The offset of the top-level item that is being parsed; `None` outside of files and while a
    /// suggested fix is verified.
    pub(super) item_start: Option<u32>,
}

impl<'a> TokenCursor<'a> {
    pub(super) fn new(file: &'a SourceFile, tokens: Vec<Token>) -> Self {
        let (names, problems) = (HashSet::default(), Vec::new());
        Self {
            file,
            text: &file.text,
            tokens,
            next: 0,
            line_ends_matter: true,
            level: 0,
            height: 0,
            names,
            problems,
            item_start: None,
        }
    }

    /// The next token, without comments and line ends that are white space.
    pub(super) fn peek(&mut self) -> Token {
        loop {
            let token = self.tokens[self.next];
            match token.kind {
                TokenKind::Newline if !self.line_ends_matter => self.next += 1,
                // A `#` comment token includes its line end, which still ends the item.
                TokenKind::Comment
                    if self.line_ends_matter && self.written(token.at).ends_with('\n') =>
                {
                    return Token { kind: TokenKind::Newline, at: token.at };
                }
                TokenKind::Comment => self.next += 1,
                _ => return token,
            }
        }
    }

    /// Consumes the next token.
    pub(super) fn take(&mut self) -> Token {
        let token = self.peek();
        // The end token is never consumed, so that there is always a next token.
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    /// Consumes the next token where it is of a kind.
    pub(super) fn take_if(&mut self, kind: TokenKind) -> Option<Token> {
        if self.peek().kind == kind { Some(self.take()) } else { None }
    }

    /// Consumes the next token, which must be of a kind; `what` names it in the diagnostic.
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

    /// Consumes the next token where it is this word.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.take();
        }
        found
    }

    /// Parses something inside which line ends are white space.
    pub(super) fn ignoring_lines<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> ParseResult<T>,
    ) -> ParseResult<T> {
        self.with_line_ends(false, read)
    }

    /// Parses something with `line_ends_matter` set, and restores the flag.
    pub(super) fn with_line_ends<T>(
        &mut self,
        lines: bool,
        read: impl FnOnce(&mut Self) -> ParseResult<T>,
    ) -> ParseResult<T> {
        let outer = std::mem::replace(&mut self.line_ends_matter, lines);
        let result = read(self);
        self.line_ends_matter = outer;
        result
    }

    /// Parses something one level deeper, up to `MAX_LEVELS`.
    pub(super) fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> ParseResult<T>,
    ) -> ParseResult<T> {
        if self.level == MAX_LEVELS {
            let at = self.peek().at;
            return self.refuse(syntax_errors::too_deep(MAX_LEVELS, self.span(at)));
        }
        self.level += 1;
        let result = read(self);
        self.level -= 1;
        result
    }

    /// Recovers from an error: continues with the next line that begins a top-level block or
    /// argument.
    pub(super) fn resume(&mut self) {
        // The error may have occurred inside of brackets, whose state must not leak into the next
        // item.
        (self.line_ends_matter, self.level) = (true, 0);
        self.next = self.resume_position();
    }

    /// The index of the first token of that line. Only a word at the very start of a line counts,
    /// followed by a token that an item can have there: the contents of blocks are indented in
    /// nearly all files, so that the rest of a broken block is skipped.
    fn resume_position(&self) -> usize {
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

    /// The text of the current top-level item, up to where parsing would resume, with `text` in
    /// place of `at`; and the end of `text` in it. Only one item is parsed again, so that the time
    /// for verifying suggestions does not grow with the file.
    fn with_replacement(&self, begin: u32, at: ByteSpan, text: &str) -> (SourceFile, usize) {
        let end = self.tokens[self.resume_position()].at.start.max(at.end);
        let before = &self.text[begin as usize..at.start as usize];
        let behind = &self.text[at.end as usize..end as usize];
        (
            SourceFile::new(self.file.name.clone(), format!("{before}{text}{behind}")),
            before.len() + text.len(),
        )
    }

    /// The diagnostics of the current item with `text` in place of `at`, and the end of `text` in
    /// it; `None` where there is no item to parse again.
    fn problems_after(&self, at: ByteSpan, text: &str) -> Option<(Vec<Diagnostic>, usize)> {
        let begin = self.item_start.filter(|it| *it <= at.start)?;
        let (file, end) = self.with_replacement(begin, at, text);
        let mut trial = TokenCursor::new(&file, lexer::tokens(&file.text));
        trial.file_without_suggestions();
        Some((trial.problems, end))
    }

    /// Whether the current item has no syntax error with `text` in place of `at`.
    pub(super) fn is_fixed_by(&self, at: ByteSpan, text: &str) -> bool {
        self.problems_after(at, text).is_some_and(|(problems, _)| problems.is_empty())
    }

    /// The diagnostic, without its suggestion where the item would still have a syntax error up to
    /// the end of the suggested text. A wrong fix costs the user more than none.
    fn verified(&self, mut problem: Diagnostic) -> Diagnostic {
        let Some(suggestion) = problem.suggestion.take() else { return problem };
        let narrow = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
        let at = suggestion
            .span
            .as_ref()
            .map(|it| ByteSpan { start: narrow(it.start), end: narrow(it.end) });
        let is_beyond = |(problems, end): (Vec<Diagnostic>, usize)| {
            problems.first().and_then(|it| it.span.as_ref()).is_none_or(|it| it.start >= end)
        };
        if at.and_then(|it| self.problems_after(it, &suggestion.text)).is_none_or(is_beyond) {
            problem.suggestion = Some(suggestion);
            return problem;
        }
        // A help with code in it is useful without the suggestion; one such as "remove it" refers
        // to the place of the suggestion.
        if suggestion.help.contains('`') { problem.help(suggestion.help) } else { problem }
    }

    /// Whether the file has the extension of Terraform.
    pub(super) fn is_terraform(&self) -> bool {
        self.file.name.ends_with(".tf")
    }

    /// The source text of a span.
    pub(super) fn written(&self, at: ByteSpan) -> &'a str {
        &self.text[at.start as usize..at.end as usize]
    }

    pub(super) fn span(&self, at: ByteSpan) -> SourceSpan {
        SourceSpan::new(self.file.name.clone(), at.start as usize..at.end as usize)
    }

    /// The part of a span on its first line.
    fn first_line(&self, at: ByteSpan) -> ByteSpan {
        let line = self.written(at).lines().next().unwrap_or_default();
        ByteSpan::new(at.start as usize, at.start as usize + line.trim_end().len())
    }

    pub(super) fn word(&mut self, token: Token) -> SourceWord {
        SourceWord { name: self.name(self.written(token.at)), at: token.at }
    }

    /// Consumes a name; `what` describes it in the diagnostic.
    pub(super) fn identifier(&mut self, what: &str) -> ParseResult<SourceWord> {
        let token = self.expect(TokenKind::Identifier, what)?;
        Ok(self.word(token))
    }

    /// The shared, normalised form of a name.
    pub(super) fn name(&mut self, name: &str) -> Name {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        let name = normal(name);
        self.names.insert(name.clone());
        name
    }

    /// Records a diagnostic and fails the current part.
    pub(super) fn refuse<T>(&mut self, problem: Diagnostic) -> ParseResult<T> {
        let problem = self.verified(problem);
        self.problems.push(problem);
        Err(ParseError)
    }

    /// Reports that the next token is not what is `wanted`.
    pub(super) fn unexpected<T>(&mut self, wanted: &str) -> ParseResult<T> {
        let token = self.peek();
        let written = self.written(token.at);
        let problem = match token.kind {
            TokenKind::End => syntax_errors::ends_early(wanted, self.span(token.at)),
            TokenKind::Newline => syntax_errors::line_ends_early(wanted, self.span(token.at)),
            // The token of an unclosed comment extends to the end of the file; only its first line
            // is shown.
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
