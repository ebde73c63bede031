//! The plan as a person reads it: what changes and why, the worst last, and at the very end what happens to what.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ha_kind::{Action, Address, ImpactSeverity, Name, Path};
use ha_plan::{PlanMode, Reason};
use unicode_width::UnicodeWidthStr;

use super::compare::{Row, What, all, compare, differences, is_secret};
use super::expression::inline;
use super::paint::{Paint, Tone, sign, tone};
use super::report::{Report, ShownChange, ShownDrift, ShownOutput};
use super::rows::{Detail, Rows};
use super::shown::{Piece, SENSITIVE, Shown, printable};

/// Addresses longer than this do not push what follows to the right.
const ADDRESSES: usize = 48;
/// Lists of addresses are folded at this width.
const FOLD: usize = 100;
/// How many attributes of something that goes are shown.
const OF_DELETED: usize = 8;

/// The plan as text.
pub(crate) fn plan_text(report: &Report, detail: Detail, paint: Paint) -> String {
    let width = report.changes.iter().map(|it| it.title().width()).max().unwrap_or(0).min(ADDRESSES);
    let changed = report.changes.iter().filter(|it| it.deposed.is_none()).map(|it| (&it.address, it.action)).collect();
    let view = View { report, detail, paint, width, changed };
    let mut text = view.head();
    if detail != Detail::None {
        view.unfinished(&mut text);
        for change in &report.changes {
            view.change(change, &mut text);
        }
        view.drift(&mut text);
        view.unchecked(&mut text);
        view.outputs(&mut text);
        view.rolling(&mut text);
    }
    view.summary(&mut text);
    text
}

/// `1 to create, 3 to update, 1 to replace, 0 to destroy`.
pub(crate) fn counted(counts: &ha_plan::Counts) -> String {
    let ha_plan::Counts { create, update, replace, delete, read, forget, import } = counts;
    let mut text = format!("{create} to create, {update} to update, {replace} to replace, {delete} to destroy");
    if *read > 0 {
        let _ = write!(text, ", {read} to read");
    }
    if *forget > 0 {
        let _ = write!(text, ", {forget} to forget");
    }
    if *import > 0 {
        let _ = write!(text, ", {import} to import");
    }
    text
}

struct View<'a> {
    report: &'a Report,
    detail: Detail,
    paint: Paint,
    /// How wide the column of addresses is.
    width: usize,
    changed: BTreeMap<&'a Address, Action>,
}

impl View<'_> {
    fn head(&self) -> String {
        let mut facts = vec![format!("ha {}", env!("CARGO_PKG_VERSION")), self.report.stack.clone()];
        facts.extend(self.report.identities.iter().cloned());
        facts.push(match self.report.state_number {
            0 => "no state yet".into(),
            number => format!("state {number}"),
        });
        if self.report.mode == PlanMode::Destroy {
            facts.push("destroy".into());
        }
        format!("{}\n\n", self.paint.put(Tone::Head, &printable(&facts.join(" · "))))
    }

    fn unfinished(&self, text: &mut String) {
        if self.report.unfinished.is_empty() {
            return;
        }
        let head = "An earlier run stopped half-way; apply finishes these first";
        let _ = writeln!(text, "{}", self.paint.put(Tone::Notice, head));
        for address in &self.report.unfinished {
            let _ = writeln!(text, "      {address}");
        }
        text.push('\n');
    }

    fn change(&self, change: &ShownChange, text: &mut String) {
        self.change_head(change, text);
        let (rows, unchanged, later) = self.rows_of(change);
        let notes = self.notes(change);
        let names = notes.iter().map(|(name, _)| named(name)).collect::<Vec<_>>();
        let writer = Rows::new(rows.iter().chain(&names), self.detail, self.paint);
        writer.write(&rows, text);
        if !later.is_empty() {
            let names: Vec<&str> = later.iter().map(String::as_str).collect();
            for line in folded(&names, ", ", FOLD - 32) {
                writer.line("(known after apply)", &line, text);
            }
        }
        for (name, note) in &notes {
            writer.line(name, note, text);
        }
        if unchanged > 0 {
            let _ = writeln!(text, "      {}", self.paint.put(Tone::Quiet, &format!("{unchanged} unchanged")));
        }
        text.push('\n');
    }

    fn change_head(&self, change: &ShownChange, text: &mut String) {
        let phrase = match (change.action, change.loses_data()) {
            (Action::NoOp, _) => "unchanged",
            (Action::Read, _) => "read during apply",
            (Action::Create, _) => "create",
            (Action::Update, false) => "update in place",
            (Action::Update, true) => "UPDATE, LOSES DATA",
            (Action::DeleteThenCreate | Action::CreateThenDelete, true) => "REPLACE, LOSES DATA",
            (Action::DeleteThenCreate, false) => "replace: delete, then create",
            (Action::CreateThenDelete, false) => "replace: create, then delete",
            (Action::Forget, _) => "forget: it stays as it is, and is looked after no longer",
            (Action::Delete, false) => "destroy",
            (Action::Delete, true) => "DESTROY, LOSES DATA",
        };
        let tone = if change.loses_data() { Tone::Alarm } else { tone(change.action) };
        let title = change.title();
        let pad = self.width.saturating_sub(title.width());
        let signed = self.paint.put(tone, &format!("{:<4}", sign(change.action)));
        let place = change.place.as_deref().map(|it| self.paint.put(Tone::Quiet, it)).unwrap_or_default();
        let phrase = match place.is_empty() {
            true => self.paint.put(tone, phrase),
            false => self.paint.put(tone, phrase) + &" ".repeat(30_usize.saturating_sub(phrase.width())),
        };
        let title = self.paint.put(Tone::Head, &printable(&title));
        let line = format!("{signed}{title}{:pad$}  {phrase}{place}", "");
        let _ = writeln!(text, "{}", line.trim_end());
    }

    /// The rows of a change, how many attributes stay, and the outputs that only apply will tell.
    fn rows_of(&self, change: &ShownChange) -> (Vec<Row>, usize, Vec<String>) {
        let (mut rows, mut unchanged) = match (&change.before, &change.after) {
            (Some(before), None) => {
                let mut rows = all(before);
                let total = rows.len();
                if self.detail != Detail::Full {
                    rows.retain(|it| !matches!(&it.what, What::Is(value) if value.is_long_text() || is_secret(value)));
                    rows.truncate(OF_DELETED);
                }
                let hidden = total - rows.len();
                return (rows, hidden, Vec::new());
            }
            (None, Some(after)) => (all(after), 0),
            (Some(before), Some(after)) => differences(before, after, &change.differences),
            (None, None) => (Vec::new(), 0),
        };
        if change.action.is_replace()
            && let Some(after) = &change.after
        {
            let stay = |(name, value): (&Name, &Shown)| {
                let is_row = rows.iter().any(|row| row.path == Path::attribute(name.clone()));
                (is_secret(value) && !is_row).then(|| Row {
                    path: Path::attribute(name.clone()),
                    what: What::SecretUnchanged,
                    replaces: false,
                })
            };
            let secrets: Vec<Row> = after.iter().filter_map(stay).collect();
            unchanged -= secrets.len().min(unchanged);
            rows.extend(secrets);
        }
        let is_own = |row: &Row| {
            let (What::Is(value) | What::Added(value) | What::Changed(_, value)) = &row.what else { return false };
            let cause = match (value, value.pieces()) {
                (Shown::Unknown { cause, .. }, _) | (_, Some([Piece::Unknown { cause, .. }])) => cause,
                _ => return false,
            };
            let own = cause
                .as_deref()
                .is_none_or(|it| it.strip_prefix(&change.address.to_string()).is_some_and(|it| it.starts_with('.')));
            own && !change.differences.iter().any(|it| it.path.steps().starts_with(row.path.steps()))
        };
        let (later, rows): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(is_own);
        let is_secret = |row: &Row| match &row.what {
            What::Is(value) | What::Added(value) | What::Changed(_, value) => inline(value).starts_with("(sensitive"),
            _ => false,
        };
        let name = |row: &Row| match is_secret(row) {
            true => format!("{} {SENSITIVE}", super::rows::place(&row.path)),
            false => super::rows::place(&row.path),
        };
        (rows, unchanged, later.iter().map(name).collect())
    }

    fn notes(&self, change: &ShownChange) -> Vec<(&'static str, String)> {
        let mut notes: Vec<(&'static str, String)> = Vec::new();
        for remark in &change.remarks {
            notes.push(("seen", self.paint.put(Tone::Notice, &printable(remark))));
        }
        if let Some(reason) = change.reason.as_ref().and_then(|it| reason(it, change)) {
            notes.push(("because", reason));
        }
        if !change.because.is_empty() {
            notes.push(("because of", printable(&change.because.join(" <- ")).into_owned()));
        }
        if let Some(host) = &change.gone_with {
            notes.push(("goes with", format!("{host}, without a call of its own")));
        }
        for impact in &change.impacts {
            let message = printable(&impact.message);
            notes.push(match impact.severity {
                ImpactSeverity::Notice => ("then", message.into_owned()),
                ImpactSeverity::Disruption => ("disrupts", self.paint.put(Tone::Notice, &message)),
                ImpactSeverity::DataLoss => ("loses data", self.paint.put(Tone::Alarm, &message)),
            });
        }
        notes
    }

    fn drift(&self, text: &mut String) {
        if self.report.drift.is_empty() {
            return;
        }
        let head = format!("Changed outside ha ({})", self.report.drift.len());
        let _ = writeln!(text, "{}", self.paint.put(Tone::Notice, &head));
        for drift in &self.report.drift {
            self.drifted(drift, text);
        }
        text.push('\n');
    }

    fn drifted(&self, drift: &ShownDrift, text: &mut String) {
        let then = match self.changed.get(&drift.address) {
            None | Some(Action::NoOp) => "the configuration does not mind",
            Some(Action::Update) => "this plan sets it back",
            Some(Action::Delete) => "this plan deletes it",
            Some(Action::Forget) => "this plan forgets it",
            Some(_) => "this plan makes it anew",
        };
        let what = if drift.after.is_none() { "is gone" } else { "differs" };
        let _ = writeln!(text, "    {} {what}; {then}", printable(&drift.address.to_string()));
        let mut rows = Vec::new();
        if let Some(after) = &drift.after {
            compare(&Path::root(), Some(&Shown::Object(drift.before.clone())), Some(&Shown::Object(after.clone())), &mut rows);
            let named = |row: &Row| {
                let here = row.path.steps();
                drift.paths.iter().any(|it| here.starts_with(it.steps()) || it.steps().starts_with(here))
            };
            rows.retain(named);
        }
        Rows::new(rows.iter(), self.detail, self.paint).write(&rows, text);
        for remark in &drift.remarks {
            let _ = writeln!(text, "      {}", self.paint.put(Tone::Notice, &printable(remark)));
        }
    }

    fn unchecked(&self, text: &mut String) {
        if self.report.unchecked.is_empty() {
            return;
        }
        let head = format!("Could not be looked at; taken to be as recorded ({})", self.report.unchecked.len());
        let _ = writeln!(text, "{}", self.paint.put(Tone::Notice, &head));
        for (address, why) in &self.report.unchecked {
            let _ = writeln!(text, "?   {address}  {}", printable(why));
        }
        text.push('\n');
    }

    fn outputs(&self, text: &mut String) {
        if self.report.outputs.is_empty() {
            return;
        }
        let _ = writeln!(text, "{}", self.paint.put(Tone::Head, "Outputs"));
        let rows: Vec<Row> = self.report.outputs.iter().filter_map(|(name, it)| output_row(name, it)).collect();
        Rows::new(rows.iter(), self.detail, self.paint).write(&rows, text);
        text.push('\n');
    }

    fn rolling(&self, text: &mut String) {
        for (group, members, at_most) in &self.report.rolling {
            let head = self.paint.put(Tone::Notice, &printable(group));
            let _ = writeln!(text, "{head}: {members} members are disrupted, at most {at_most} at a time\n");
        }
    }

    fn summary(&self, text: &mut String) {
        let report = self.report;
        if report.is_empty && report.mode == PlanMode::Normal {
            let done = match report.unchanged {
                0 => "Nothing is configured and nothing is there.".into(),
                1 => "1 resource is as configured.".into(),
                many => format!("{many} resources are as configured."),
            };
            let _ = writeln!(text, "{} {done}", self.paint.put(Tone::Head, "No changes."));
            return;
        }
        if report.is_empty {
            let _ = writeln!(text, "{} There is nothing to destroy.", self.paint.put(Tone::Head, "No changes."));
            return;
        }
        let unchanged = if report.unchanged > 0 { format!(" · {} unchanged", report.unchanged) } else { String::new() };
        let head = self.paint.put(Tone::Head, "Plan:");
        let _ = writeln!(text, "{head} {}{unchanged}", counted(&report.counts));
        self.addresses(text);
    }

    /// What happens to what, never cut short.
    fn addresses(&self, text: &mut String) {
        let mut by_sign: BTreeMap<(u8, &str), Vec<&ShownChange>> = BTreeMap::new();
        for change in self.report.changes.iter().filter(|it| it.action != Action::NoOp) {
            let order = match change.action {
                Action::NoOp | Action::Read => 0,
                Action::Create => 1,
                Action::Update => 2,
                Action::DeleteThenCreate | Action::CreateThenDelete => 3,
                Action::Forget => 3,
                Action::Delete => 4,
            };
            by_sign.entry((order, sign(change.action))).or_default().push(change);
        }
        for ((order, signed), changes) in by_sign {
            let tone = tone(changes[0].action);
            let signed = self.paint.put(tone, &format!("{signed:<3}"));
            // What may hurt stands on a line of its own.
            let lines = match order {
                0..=2 => {
                    let titles: Vec<String> = changes.iter().map(|it| printable(&it.title()).into_owned()).collect();
                    folded(&titles.iter().map(String::as_str).collect::<Vec<_>>(), "  ", FOLD)
                }
                _ => changes.iter().map(|it| self.risky(it)).collect(),
            };
            for line in lines {
                let _ = writeln!(text, "  {signed}  {line}");
            }
        }
    }

    fn risky(&self, change: &ShownChange) -> String {
        let title = printable(&change.title()).into_owned();
        match change.loses_data() {
            true => format!("{title}  {}", self.paint.put(Tone::Alarm, "<- loses data")),
            false => title,
        }
    }
}

fn named(name: &str) -> Row {
    Row { path: Path::attribute(name), what: What::SecretUnchanged, replaces: false }
}

/// Why, where the differences do not say it.
fn reason(reason: &Reason, change: &ShownChange) -> Option<String> {
    Some(match reason {
        Reason::Tainted => "the last try at it failed half-way".into(),
        Reason::Requested => "`--replace` asks for it".into(),
        Reason::Triggered(what) => format!("`{what}` in `replace_triggered_by` changes"),
        Reason::Within(Address { .. }) if change.gone_with.is_some() => return None,
        Reason::Within(address) => format!("it lives inside of {address}"),
        Reason::CannotUpdate if change.differences.iter().any(|it| it.replaces) => return None,
        Reason::CannotUpdate => "it cannot change in place".into(),
        Reason::NoConfiguration => "its block is no longer in the configuration".into(),
        Reason::NoModule => "its module is no longer in the configuration".into(),
        Reason::NoMoveTarget => "it was moved to where the configuration asks for nothing".into(),
        Reason::WrongRepetition => "its block has `count` or `for_each` where it had not, or the other way round".into(),
        Reason::CountIndex => "its index is beyond `count`".into(),
        Reason::EachKey => "its key is no longer in `for_each`".into(),
        Reason::NotEnabled => "its block says `enabled = false`".into(),
        Reason::Destroy => return None,
        Reason::Gone => "it is no longer there".into(),
        Reason::ArgumentsUnknown => "its arguments are known only during apply".into(),
        Reason::DependencyPending => "something it depends on changes first".into(),
        Reason::ForCheck => "a `check` block reads it at the end".into(),
    })
}

fn output_row(name: &Name, output: &ShownOutput) -> Option<Row> {
    let ShownOutput { before, after, sensitive: _ } = output;
    let mut rows = Vec::new();
    compare(&Path::attribute(name.clone()), before.as_ref(), after.as_ref(), &mut rows);
    match rows.len() {
        0 => None,
        1 => rows.pop(),
        // Outputs are shown whole: who reads them reads their names.
        _ => {
            let what = What::Changed(before.clone().unwrap_or(Shown::Null), after.clone().unwrap_or(Shown::Null));
            Some(Row { path: Path::attribute(name.clone()), what, replaces: false })
        }
    }
}

/// Words in lines of at most so many columns.
fn folded(words: &[&str], between: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.width() + between.width() + word.width() <= width => {
                line.push_str(between);
                line.push_str(word);
            }
            _ => lines.push((*word).to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use ha_kind::Value;
    use ha_plan::{Difference, Plan};
    use snapbox::str;

    use super::super::redact::Sight;
    use super::super::report::plan_secrets;
    use super::super::samples::{assert_keeps_secret, change, check, clear, everything, nothing, object, parts, secret, secrets};
    use super::*;

    fn rendered(plan: &Plan, detail: Detail, paint: Paint) -> String {
        let secrets = plan_secrets(plan);
        plan_text(&Report::new(plan, "payments", &secrets, Sight::Redacted), detail, paint)
    }

    fn of_update(before: Value, after: Value) -> String {
        let mut update = change("a.b", Action::Update);
        update.before = Some(object(&[("text", before)]));
        update.after = Some(object(&[("text", after)]));
        update.differences = vec![Difference { path: Path::attribute("text"), replaces: false }];
        rendered(&Plan { changes: vec![update], ..nothing() }, Detail::Changed, Paint::PLAIN)
    }

    #[test]
    fn everything_plain() {
        check(
            &rendered(&everything(), Detail::Changed, Paint::PLAIN),
            str![[r#"
ha [VERSION] · payments · aws 123456789012 eu-west-1 · state 12

An earlier run stopped half-way; apply finishes these first
      tls_ca.root

<=  data.aws_ami.app                    read during apply
      owner    (known after apply: aws_vpc.main.owner)
      because  its arguments are known only during apply

+   mongodb_host.db[2]                  create                        main.hcl:4
      bind      ["127.0.0.1", "db-3.int"]
      hostname  "db-3.int"
      keyfile   (sensitive)
      network   (known after apply: aws_vpc.main.id)
      (known after apply)  id, private_key (sensitive), version

~   aws_launch_template.app             update in place               main.hcl:4
      policy          +1 -1 of 9 lines
        @@ 1,7 -> 1,7 @@
          {
            "Statement": [
              {
        -       "Action": "s3:Get*",
        +       "Action": "s3:*",
                "Effect": "Allow"
              }
            ],
      tags["my key"]  + "y"
      tags.old        - "x"
      tags.team       "ops" -> "platform"
      user_data       +2 -2 of 8 lines
        @@ 3,6 -> 3,6 @@
          servers:
            - a
            - b
        - port: 80
        - MONGO_URI=mongodb://circle:(sensitive)@db-1,db-2/app
        + port: 8080
        + MONGO_URI=mongodb://circle:(sensitive, changed)@db-1,db-2/app
          exit 0
      (known after apply)  latest_version
      seen            mongod on 10.0.0.1:27017 is not running
      because of      data.userdata.app <- var.port
      then            moves the group, not its running member
      disrupts        restarts mongod
      1 unchanged

-   aws_s3_bucket.b (deposed 00c0ffee)  destroy

-   postgresql_database.old["a b"]      destroy
      name       "x"
      goes with  aws_db_instance.old, without a call of its own

-   postgresql_role.old                 destroy
      name     "old"
      because  its block is no longer in the configuration
      1 unchanged

-/+ aws_db_instance.main                REPLACE, LOSES DATA
      storage_encrypted  false -> true  forces replacement
      password           (sensitive, unchanged)
      (known after apply)  endpoint
      loses data         412 GiB, no final snapshot
      1 unchanged

Changed outside ha (1)
    aws_security_group.db differs; the configuration does not mind
      ingress[0]  "10.0.0.0/8" -> "0.0.0.0/0"

Could not be looked at; taken to be as recorded (1)
?   mongodb_host.db[0]  connection timed out after 10 s

Outputs
      ca_file  + "/etc/ca.pem"
      uri      (sensitive, changed)
      was      - "gone"

mongodb/rs0: 3 members are disrupted, at most 1 at a time

Plan: 1 to create, 1 to update, 1 to replace, 3 to destroy, 1 to read · 22 unchanged
  <=   data.aws_ami.app
  +    mongodb_host.db[2]
  ~    aws_launch_template.app
  -/+  aws_db_instance.main  <- loses data
  -    aws_s3_bucket.b (deposed 00c0ffee)
  -    postgresql_database.old["a b"]
  -    postgresql_role.old

"#]],
        );
    }

    #[test]
    fn everything_coloured() {
        check(
            &rendered(&everything(), Detail::Changed, Paint::COLOURED),
            str![[r#"
␛[1mha [VERSION] · payments · aws 123456789012 eu-west-1 · state 12␛[0m

␛[1m␛[33mAn earlier run stopped half-way; apply finishes these first␛[0m
      tls_ca.root

␛[36m<=  ␛[0m␛[1mdata.aws_ami.app␛[0m                    ␛[36mread during apply␛[0m
      owner    (known after apply: aws_vpc.main.owner)
      because  its arguments are known only during apply

␛[32m+   ␛[0m␛[1mmongodb_host.db[2]␛[0m                  ␛[32mcreate␛[0m                        ␛[2mmain.hcl:4␛[0m
      bind      ["127.0.0.1", "db-3.int"]
      hostname  "db-3.int"
      keyfile   (sensitive)
      network   (known after apply: aws_vpc.main.id)
      (known after apply)  id, private_key (sensitive), version

␛[33m~   ␛[0m␛[1maws_launch_template.app␛[0m             ␛[33mupdate in place␛[0m               ␛[2mmain.hcl:4␛[0m
      policy          +1 -1 of 9 lines
        ␛[36m@@ 1,7 -> 1,7 @@␛[0m
          {
            "Statement": [
              {
        ␛[31m-␛[0m ␛[31m      "Action": "s3:␛[0m␛[1m␛[4m␛[31mGet␛[0m␛[31m*",␛[0m
        ␛[32m+␛[0m ␛[32m      "Action": "s3:␛[0m␛[32m*",␛[0m
                "Effect": "Allow"
              }
            ],
      tags["my key"]  ␛[32m+␛[0m "y"
      tags.old        ␛[31m-␛[0m "x"
      tags.team       "ops" ␛[33m->␛[0m "platform"
      user_data       +2 -2 of 8 lines
        ␛[36m@@ 3,6 -> 3,6 @@␛[0m
          servers:
            - a
            - b
        ␛[31m-␛[0m ␛[31mport: ␛[0m␛[1m␛[4m␛[31m80␛[0m
        ␛[31m-␛[0m ␛[31mMONGO_URI=mongodb://circle:␛[0m␛[1m␛[4m␛[31m(sensitive)␛[0m␛[31m@db-1,db-2/app␛[0m
        ␛[32m+␛[0m ␛[32mport: ␛[0m␛[1m␛[4m␛[32m8080␛[0m
        ␛[32m+␛[0m ␛[32mMONGO_URI=mongodb://circle:␛[0m␛[1m␛[4m␛[32m(sensitive, changed)␛[0m␛[32m@db-1,db-2/app␛[0m
          exit 0
      (known after apply)  latest_version
      seen            ␛[1m␛[33mmongod on 10.0.0.1:27017 is not running␛[0m
      because of      data.userdata.app <- var.port
      then            moves the group, not its running member
      disrupts        ␛[1m␛[33mrestarts mongod␛[0m
      ␛[2m1 unchanged␛[0m

␛[31m-   ␛[0m␛[1maws_s3_bucket.b (deposed 00c0ffee)␛[0m  ␛[31mdestroy␛[0m

␛[31m-   ␛[0m␛[1mpostgresql_database.old["a b"]␛[0m      ␛[31mdestroy␛[0m
      name       "x"
      goes with  aws_db_instance.old, without a call of its own

␛[31m-   ␛[0m␛[1mpostgresql_role.old␛[0m                 ␛[31mdestroy␛[0m
      name     "old"
      because  its block is no longer in the configuration
      ␛[2m1 unchanged␛[0m

␛[1m␛[31m-/+ ␛[0m␛[1maws_db_instance.main␛[0m                ␛[1m␛[31mREPLACE, LOSES DATA␛[0m
      storage_encrypted  false ␛[33m->␛[0m true  ␛[1m␛[31mforces replacement␛[0m
      password           (sensitive, unchanged)
      (known after apply)  endpoint
      loses data         ␛[1m␛[31m412 GiB, no final snapshot␛[0m
      ␛[2m1 unchanged␛[0m

␛[1m␛[33mChanged outside ha (1)␛[0m
    aws_security_group.db differs; the configuration does not mind
      ingress[0]  "10.0.0.0/8" ␛[33m->␛[0m "0.0.0.0/0"

␛[1m␛[33mCould not be looked at; taken to be as recorded (1)␛[0m
?   mongodb_host.db[0]  connection timed out after 10 s

␛[1mOutputs␛[0m
      ca_file  ␛[32m+␛[0m "/etc/ca.pem"
      uri      (sensitive, changed)
      was      ␛[31m-␛[0m "gone"

␛[1m␛[33mmongodb/rs0␛[0m: 3 members are disrupted, at most 1 at a time

␛[1mPlan:␛[0m 1 to create, 1 to update, 1 to replace, 3 to destroy, 1 to read · 22 unchanged
  ␛[36m<= ␛[0m  data.aws_ami.app
  ␛[32m+  ␛[0m  mongodb_host.db[2]
  ␛[33m~  ␛[0m  aws_launch_template.app
  ␛[31m-/+␛[0m  aws_db_instance.main  ␛[1m␛[31m<- loses data␛[0m
  ␛[31m-  ␛[0m  aws_s3_bucket.b (deposed 00c0ffee)
  ␛[31m-  ␛[0m  postgresql_database.old["a b"]
  ␛[31m-  ␛[0m  postgresql_role.old

"#]],
        );
    }

    #[test]
    fn addresses_alone() {
        check(
            &rendered(&everything(), Detail::None, Paint::PLAIN),
            str![[r#"
ha [VERSION] · payments · aws 123456789012 eu-west-1 · state 12

Plan: 1 to create, 1 to update, 1 to replace, 3 to destroy, 1 to read · 22 unchanged
  <=   data.aws_ami.app
  +    mongodb_host.db[2]
  ~    aws_launch_template.app
  -/+  aws_db_instance.main  <- loses data
  -    aws_s3_bucket.b (deposed 00c0ffee)
  -    postgresql_database.old["a b"]
  -    postgresql_role.old

"#]],
        );
    }

    #[test]
    fn nothing_to_do() {
        check(
            &rendered(&Plan { unchanged: 25, ..nothing() }, Detail::Changed, Paint::PLAIN),
            str![[r#"
ha [VERSION] · payments · state 12

No changes. 25 resources are as configured.

"#]],
        );
        let destroy = Plan { mode: PlanMode::Destroy, state_number: 0, ..nothing() };
        check(
            &rendered(&destroy, Detail::Changed, Paint::PLAIN),
            str![[r#"
ha [VERSION] · payments · no state yet · destroy

No changes. There is nothing to destroy.

"#]],
        );
    }

    #[test]
    fn plain_text_has_no_escape_sequences() {
        assert!(!rendered(&everything(), Detail::Full, Paint::PLAIN).contains('\u{1b}'));
    }

    #[test]
    fn a_secret_in_many_places_is_seen_in_none() {
        for detail in [Detail::Changed, Detail::Full] {
            for paint in [Paint::PLAIN, Paint::COLOURED] {
                assert_keeps_secret(&rendered(&secrets(), detail, paint));
            }
        }
    }

    #[test]
    fn lists_in_yaml_are_not_taken_for_lines_that_go() {
        let text = of_update(Value::from("items:\n- a\n- b\nport: 1\n"), Value::from("items:\n- a\n- b\nport: 2\n"));
        check(
            &text,
            str![[r#"
ha [VERSION] · payments · state 12

~   a.b  update in place
      text  +1 -1 of 4 lines
        @@ 1,4 -> 1,4 @@
          items:
          - a
          - b
        - port: 1
        + port: 2

Plan: 0 to create, 1 to update, 0 to replace, 0 to destroy
  ~    a.b

"#]],
        );
        assert!(text.lines().all(|it| !it.starts_with('-')));
    }

    #[test]
    fn a_changed_secret_is_a_changed_line() {
        let document = |password: &str| parts([clear("user=a\npassword="), secret(password), clear("\nhost=b\n")]);
        check(
            &of_update(document("first password"), document("second password")),
            str![[r#"
ha [VERSION] · payments · state 12

~   a.b  update in place
      text  +1 -1 of 3 lines
        @@ 1,3 -> 1,3 @@
          user=a
        - password=(sensitive)
        + password=(sensitive, changed)
          host=b

Plan: 0 to create, 1 to update, 0 to replace, 0 to destroy
  ~    a.b

"#]],
        );
        check(
            &of_update(Value::from("first password").sensitive(), Value::from("second password").sensitive()),
            str![[r#"
ha [VERSION] · payments · state 12

~   a.b  update in place
      text  (sensitive, changed)

Plan: 0 to create, 1 to update, 0 to replace, 0 to destroy
  ~    a.b

"#]],
        );
    }

    #[test]
    fn user_data_is_decoded() {
        let encoded = |port: u32| {
            let script = format!("#!/bin/bash\nset -e\nexport PORT={port}\nexec server\n");
            Value::from(base64::engine::general_purpose::STANDARD.encode(script))
        };
        check(
            &of_update(encoded(80), encoded(8080)),
            str![[r#"
ha [VERSION] · payments · state 12

~   a.b  update in place
      text  +1 -1 of 4 lines
        @@ 1,4 -> 1,4 @@
          #!/bin/bash
          set -e
        - export PORT=80
        + export PORT=8080
          exec server

Plan: 0 to create, 1 to update, 0 to replace, 0 to destroy
  ~    a.b

"#]],
        );
    }

    #[test]
    fn long_values_stand_below_each_other() {
        let uri = |hosts: &str| Value::from(format!("mongodb://{hosts}/circle_ghe?replicaSet=rs0&ssl=true&authSource=admin"));
        check(
            &of_update(uri("db-1:27017,db-2:27017"), uri("db-1:27017,db-2:27017,db-3:27017")),
            str![[r#"
ha [VERSION] · payments · state 12

~   a.b  update in place
      text
        - mongodb://db-1:27017,db-2:27017/circle_ghe?replicaSet=rs0&ssl=true&authSource=admin
        + mongodb://db-1:27017,db-2:27017,db-3:27017/circle_ghe?replicaSet=rs0&ssl=true&authSource=admin

Plan: 0 to create, 1 to update, 0 to replace, 0 to destroy
  ~    a.b

"#]],
        );
    }

    #[test]
    fn huge_texts_are_cut_short_and_say_so() {
        let lines = |word: &str| Value::from((0..20_000).map(|it| format!("{word} {it}\n")).collect::<String>());
        let text = of_update(lines("old"), lines("new"));
        assert!(text.lines().count() < 230, "{} lines", text.lines().count());
        assert!(text.contains("more lines; `--detail full` shows all"), "{text}");
        let wide = of_update(Value::from("a".repeat(1_000_000)), Value::from("b".repeat(1_000_000)));
        assert!(wide.len() < 3_000, "{}", wide.len());
        let mut create = change("a.b", Action::Create);
        create.after = Some(object(&[("text", lines("new"))]));
        let text = rendered(&Plan { changes: vec![create], ..nothing() }, Detail::Changed, Paint::PLAIN);
        assert!(text.lines().count() < 20, "{text}");
    }

    #[test]
    fn every_destroyed_address_is_named_however_many() {
        let changes: Vec<_> = (0..500).map(|it| change(&format!("a.b[{it}]"), Action::Delete)).collect();
        let text = rendered(&Plan { changes, ..nothing() }, Detail::None, Paint::PLAIN);
        assert!((0..500).all(|it| text.contains(&format!("a.b[{it}]\n"))));
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let text = of_update(Value::from("a"), Value::from("\u{1b}]0;owned\u{7}"));
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text}");
    }
}
