//! The validity of certificates, and when they are renewed.

use ha_provider::{ArgumentProblem, Error, ErrorContext, Immutable};
use ha_value::Path;
use jiff::{SignedDuration, Timestamp};
use rcgen::CertificateParams;

/// How far before now a validity begins: a new certificate must be valid on a machine whose clock is
/// a little behind.
const SLACK: SignedDuration = SignedDuration::from_mins(5);
const LONGEST_HOURS: u32 = 100 * 366 * 24;

/// A period in whole seconds, the resolution of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ValidityPeriod {
    start: Timestamp,
    pub(crate) end: Timestamp,
}

impl ValidityPeriod {
    /// A period of so many hours that begins a little before now and ends at `latest` at the latest.
    pub(crate) fn from_now(hours: u32, latest: Option<Timestamp>) -> Result<Self, Error> {
        let now =
            Timestamp::from_second(Timestamp::now().as_second()).attempting("read the clock")?;
        let end = now
            .checked_add(SignedDuration::from_hours(hours.into()))
            .attempting("count the hours of a certificate")?;
        Ok(Self { start: now - SLACK, end: latest.map_or(end, |latest| end.min(latest)) })
    }

    /// Sets the validity of a certificate that is not signed yet.
    pub(crate) fn put_into(self, parameters: &mut CertificateParams) {
        let time = |at: Timestamp| {
            let seconds = u64::try_from(at.as_second()).expect("now is after 1970");
            rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(seconds)
        };
        parameters.not_before = time(self.start);
        parameters.not_after = time(self.end);
    }
}

/// What is wrong with these hours.
pub(crate) fn problems(
    validity_period_hours: u32,
    early_renewal_hours: u32,
) -> Vec<ArgumentProblem> {
    let mut problems = Vec::new();
    if validity_period_hours == 0 || validity_period_hours > LONGEST_HOURS {
        let message = format!(
            "`validity_period_hours` is {validity_period_hours}, but must be between 1 and {LONGEST_HOURS}"
        );
        problems.push(ArgumentProblem { path: Path::attribute("validity_period_hours"), message });
    } else if early_renewal_hours >= validity_period_hours {
        let message = format!(
            "`early_renewal_hours` is {early_renewal_hours}, not less than the {validity_period_hours} hours of validity: \
             every plan would renew it"
        );
        problems.push(ArgumentProblem { path: Path::attribute("early_renewal_hours"), message });
    }
    problems
}

/// A certificate that is to be renewed.
pub(crate) struct RenewalDue {
    /// How many hours of validity are left: a difference from the configured hours, which only a new
    /// certificate can remove.
    pub(crate) hours_left: Immutable<u32>,
    /// The remark for the operator.
    pub(crate) remark: String,
}

/// Whether a certificate that expires then must be renewed now.
pub(crate) fn due(
    end: &str,
    early_renewal_hours: u32,
    now: Timestamp,
) -> Result<Option<RenewalDue>, Error> {
    let end: Timestamp =
        end.parse().attempting(format!("read the recorded end of validity `{end}`"))?;
    let left = end.duration_since(now);
    if left > SignedDuration::from_hours(early_renewal_hours.into()) {
        return Ok(None);
    }
    // The hours that are left become the recorded validity. They differ from the configured ones, and
    // that argument is immutable, so the planner replaces the certificate by its usual rules.
    let remark = match left.is_positive() {
        true => format!(
            "expires at {end}, and is to be renewed {early_renewal_hours} hours before that"
        ),
        false => format!("expired at {end}"),
    };
    let hours =
        u32::try_from(left.as_hours().max(0)).expect("less than the hours of early renewal");
    Ok(Some(RenewalDue { hours_left: Immutable(hours), remark }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours_left(now: &str, early: u32) -> Option<u32> {
        due("2030-01-02T00:00:00Z", early, now.parse().unwrap()).unwrap().map(|it| *it.hours_left)
    }

    #[test]
    fn a_certificate_is_due_when_its_last_hours_begin() {
        assert_eq!(hours_left("2030-01-01T00:00:00Z", 0), None);
        assert_eq!(hours_left("2030-01-01T00:00:00Z", 23), None);
        assert_eq!(hours_left("2030-01-01T00:00:00Z", 24), Some(24));
        assert_eq!(hours_left("2030-01-01T20:30:00Z", 24), Some(3));
        assert_eq!(hours_left("2030-01-02T00:00:00Z", 0), Some(0));
        assert_eq!(hours_left("2031-01-01T00:00:00Z", 0), Some(0));
    }
}
