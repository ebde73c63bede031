//! The two spellings of a configuration: ours and Terraform's.

/// How the files of a configuration are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DirectoryFamily {
    /// `main.hcl`, `ha.hclvars`, `HA_VAR_name`.
    #[default]
    Ha,
    /// `main.tf`, `terraform.tfvars`, `TF_VAR_name`.
    Terraform,
}

impl DirectoryFamily {
    /// The spelling of a file of a configuration; none when it is no such file.
    pub(crate) fn from_file_name(file: &str) -> Option<Self> {
        // Editors leave such beside what they edit, and tests are not run.
        let is_other = file.starts_with(['.', '#']) || file.ends_with(['~', '#']) || is_test(file);
        let ends = |suffixes: [&str; 2]| suffixes.iter().any(|it| file.ends_with(it));
        match () {
            () if is_other => None,
            () if ends([".hcl", ".hcl.json"]) => Some(DirectoryFamily::Ha),
            () if ends([".tf", ".tf.json"]) => Some(DirectoryFamily::Terraform),
            () => None,
        }
    }

    /// The file of values that is always read, without the `.json` that it may have.
    pub(crate) fn values(self) -> &'static str {
        match self {
            DirectoryFamily::Ha => "ha.hclvars",
            DirectoryFamily::Terraform => "terraform.tfvars",
        }
    }

    /// The suffix of files of values.
    pub(crate) fn values_suffix(self) -> &'static str {
        match self {
            DirectoryFamily::Ha => ".hclvars",
            DirectoryFamily::Terraform => ".tfvars",
        }
    }

    /// What the names of variables begin with in the environment.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            DirectoryFamily::Ha => "HA_VAR_",
            DirectoryFamily::Terraform => "TF_VAR_",
        }
    }

    /// The files of values that are read unasked, of all the files of a directory, in the order in
    /// which they count.
    pub(crate) fn automatic<'a>(self, files: &'a [String]) -> Vec<&'a str> {
        let all = || files.iter().map(String::as_str);
        let bare = |file: &'a str| file.strip_suffix(".json").unwrap_or(file);
        let always = all().filter(|it| bare(it) == self.values());
        let suffix = format!(".auto{}", self.values_suffix());
        always.chain(all().filter(|it| bare(it).ends_with(&suffix))).collect()
    }
}

/// Whether a file holds Terraform's tests or queries.
pub(crate) fn is_test(file: &str) -> bool {
    [".tftest.hcl", ".tfquery.hcl", ".tftest.json", ".tofutest.hcl"]
        .iter()
        .any(|it| file.ends_with(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_tell_their_spelling_by_their_names() {
        for ha in ["main.hcl", "a.hcl.json"] {
            assert_eq!(DirectoryFamily::from_file_name(ha), Some(DirectoryFamily::Ha), "{ha}");
        }
        for terraform in ["main.tf", "a.tf.json", "override.tf"] {
            assert_eq!(
                DirectoryFamily::from_file_name(terraform),
                Some(DirectoryFamily::Terraform),
                "{terraform}"
            );
        }
        for other in [
            ".terraform.lock.hcl",
            "main.tf~",
            "#main.hcl#",
            "x.tftest.hcl",
            "ha.hclvars",
            "terraform.tfvars.json",
            "a.json",
        ] {
            assert_eq!(DirectoryFamily::from_file_name(other), None, "{other}");
        }
    }

    #[test]
    fn values_count_in_terraforms_order() {
        let files = [
            "a.auto.tfvars",
            "b.auto.tfvars.json",
            "c.tfvars",
            "ha.hclvars",
            "terraform.tfvars",
            "terraform.tfvars.json",
        ];
        let files = files.map(str::to_owned);
        let expected =
            ["terraform.tfvars", "terraform.tfvars.json", "a.auto.tfvars", "b.auto.tfvars.json"];
        assert_eq!(DirectoryFamily::Terraform.automatic(&files), expected);
        assert_eq!(DirectoryFamily::Ha.automatic(&files), ["ha.hclvars"]);
    }
}
