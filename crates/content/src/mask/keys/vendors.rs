//! Cloud and vendor keys: how each begins, and what must follow.
//!
//! Taken from what vendors publish of their keys: prefix, alphabet and length. A key that is
//! longer than its vendor's, or that nobody drew (`xxxx`), is masked but not told as one.

/// The characters of a key behind its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    /// Letters and digits.
    Alnum,
    /// Letters, digits, `_` and `-`.
    Word,
    /// As [`Set::Word`], and `.`, `/`, `+`, `=`.
    Key,
    /// Capitals and digits.
    Upper,
    /// Small letters and digits.
    Lower,
    /// Hexadecimal digits.
    Hex,
    /// Hexadecimal digits, small letters only: the prefix alone says little.
    Lowhex,
    /// As [`Set::Key`], and it must look drawn at random: the prefix alone says little.
    Drawn,
    /// A UUID.
    Uuid,
    /// Groups of capitals and digits parted by dashes.
    Secretkey,
    /// As [`Set::Word`], and `.`, `~`.
    Azure,
    /// Digits.
    Digits,
}

/// One kind of key.
pub(super) struct Vendor {
    /// How it begins.
    pub(super) word: &'static str,
    /// Whose it is.
    pub(super) name: &'static str,
    pub(super) set: Set,
    /// Fewest characters behind the prefix.
    pub(super) min: usize,
    /// Most characters behind the prefix.
    pub(super) max: usize,
}

const fn row(word: &'static str, name: &'static str, set: Set, min: usize, max: usize) -> Vendor {
    Vendor { word, name, set, min, max }
}

/// The table, in no order that matters: of several prefixes that fit, the longest is taken.
pub(super) const VENDORS: &[Vendor] = &[
    row("AKIA", "aws_access_key", Set::Upper, 16, 16),
    row("ASIA", "aws_access_key", Set::Upper, 16, 16),
    row("ABIA", "aws_access_key", Set::Upper, 16, 16),
    row("ACCA", "aws_access_key", Set::Upper, 16, 16),
    row("AROA", "aws_role_id", Set::Upper, 16, 17),
    row("AIDA", "aws_user_id", Set::Upper, 16, 17),
    row("ABSK", "aws_bedrock_key", Set::Key, 60, 400),
    row("bedrock-api-key-", "aws_bedrock_session_key", Set::Key, 40, 4096),
    row("amzn.mws.", "aws_mws_token", Set::Word, 36, 36),
    row("LTAI", "alibaba_access_key", Set::Drawn, 12, 26),
    row("AKID", "tencent_secret_id", Set::Drawn, 28, 36),
    row("AKLT", "volcengine_access_key", Set::Drawn, 36, 60),
    row("YCAJE", "yandex_access_key", Set::Word, 19, 40),
    row("AQVN", "yandex_api_key", Set::Word, 34, 40),
    row("y0_", "yandex_oauth_token", Set::Drawn, 36, 70),
    row("t1.", "yandex_iam_token", Set::Drawn, 80, 400),
    row("SCW", "scaleway_access_key", Set::Upper, 17, 17),
    row("AIza", "gcp_api_key", Set::Word, 30, 35),
    row("ya29.", "gcp_oauth_token", Set::Key, 16, 2048),
    row("GOCSPX-", "gcp_client_secret", Set::Word, 16, 28),
    row("1//0", "google_refresh_token", Set::Drawn, 40, 128),
    row("AccountKey=", "azure_storage_key", Set::Key, 20, 100),
    row("SharedAccessKey=", "azure_shared_access_key", Set::Key, 20, 60),
    row("ghp_", "github_token", Set::Alnum, 20, 36),
    row("gho_", "github_oauth_token", Set::Alnum, 20, 36),
    row("ghu_", "github_user_token", Set::Alnum, 20, 36),
    row("ghs_", "github_app_token", Set::Alnum, 20, 36),
    row("ghr_", "github_refresh_token", Set::Alnum, 20, 76),
    row("github_pat_", "github_fine_grained_token", Set::Word, 20, 82),
    row("glpat-", "gitlab_token", Set::Key, 12, 64),
    row("glrt-", "gitlab_runner_token", Set::Key, 12, 64),
    row("gldt-", "gitlab_deploy_token", Set::Key, 12, 64),
    row("glptt-", "gitlab_trigger_token", Set::Word, 20, 64),
    row("glft-", "gitlab_feed_token", Set::Word, 20, 64),
    row("glcbt-", "gitlab_job_token", Set::Word, 16, 128),
    row("glagent-", "gitlab_agent_token", Set::Word, 40, 64),
    row("glsoat-", "gitlab_scim_token", Set::Word, 20, 64),
    row("glimt-", "gitlab_mail_token", Set::Word, 20, 64),
    row("glffct-", "gitlab_flag_token", Set::Word, 20, 64),
    row("gloas-", "gitlab_app_secret", Set::Word, 40, 64),
    row("GR1348941", "gitlab_registration_token", Set::Word, 20, 20),
    row("ATATT3", "atlassian_token", Set::Key, 40, 300),
    row("ATCTT3", "atlassian_token", Set::Key, 40, 300),
    row("ATBB", "bitbucket_app_password", Set::Drawn, 28, 40),
    row("xoxb-", "slack_bot_token", Set::Word, 8, 120),
    row("xoxp-", "slack_user_token", Set::Word, 8, 120),
    row("xoxa-", "slack_app_token", Set::Word, 8, 120),
    row("xoxr-", "slack_refresh_token", Set::Word, 8, 250),
    row("xoxs-", "slack_session_token", Set::Word, 8, 120),
    row("xoxo-", "slack_legacy_token", Set::Word, 8, 120),
    row("xoxe-", "slack_config_token", Set::Word, 8, 300),
    row("xoxe.xoxb-", "slack_config_token", Set::Word, 12, 300),
    row("xoxe.xoxp-", "slack_config_token", Set::Word, 12, 300),
    row("xapp-", "slack_app_level_token", Set::Word, 12, 160),
    row("sk_live_", "stripe_secret_key", Set::Alnum, 8, 250),
    row("sk_test_", "stripe_test_key", Set::Alnum, 8, 250),
    row("rk_live_", "stripe_restricted_key", Set::Alnum, 8, 250),
    row("rk_test_", "stripe_test_key", Set::Alnum, 8, 250),
    row("whsec_", "webhook_secret", Set::Key, 12, 80),
    row("sq0atp-", "square_token", Set::Word, 16, 22),
    row("sq0csp-", "square_secret", Set::Word, 16, 43),
    row("EAAA", "square_access_token", Set::Drawn, 56, 64),
    row("EAAC", "facebook_token", Set::Drawn, 40, 400),
    row("EAAM", "facebook_token", Set::Drawn, 40, 400),
    row("EAAG", "facebook_token", Set::Drawn, 40, 400),
    row("EAAD", "facebook_token", Set::Drawn, 40, 400),
    row("EAAB", "facebook_token", Set::Drawn, 40, 400),
    row("shpat_", "shopify_token", Set::Hex, 24, 64),
    row("shpss_", "shopify_secret", Set::Hex, 24, 64),
    row("shpca_", "shopify_app_token", Set::Hex, 24, 64),
    row("shppa_", "shopify_private_token", Set::Hex, 24, 64),
    row("access_token$production$", "paypal_braintree_token", Set::Key, 32, 80),
    row("access-production-", "plaid_token", Set::Word, 36, 36),
    row("rzp_live_", "razorpay_key", Set::Alnum, 14, 14),
    row("FLWSECK-", "flutterwave_secret", Set::Key, 32, 48),
    row("FLWSECK_TEST-", "flutterwave_test_secret", Set::Key, 12, 48),
    row("EZAK", "easypost_key", Set::Alnum, 54, 54),
    row("EZTK", "easypost_test_key", Set::Alnum, 54, 54),
    row("shippo_live_", "shippo_token", Set::Hex, 40, 40),
    row("duffel_live_", "duffel_token", Set::Word, 43, 43),
    row("SK", "twilio_key", Set::Lowhex, 32, 32),
    row("SG.", "sendgrid_key", Set::Drawn, 20, 80),
    row("key-", "mailgun_key", Set::Drawn, 28, 36),
    row("xkeysib-", "brevo_key", Set::Word, 40, 100),
    row("xsmtpsib-", "brevo_smtp_key", Set::Word, 40, 100),
    row("re_", "resend_key", Set::Drawn, 28, 40),
    row("npm_", "npm_token", Set::Alnum, 24, 40),
    row("pypi-", "pypi_token", Set::Word, 32, 300),
    row("rubygems_", "rubygems_key", Set::Hex, 48, 48),
    row("oy2", "nuget_key", Set::Lower, 43, 43),
    row("CLOJARS_", "clojars_token", Set::Alnum, 60, 60),
    row("dckr_pat_", "docker_token", Set::Word, 16, 40),
    row("dckr_oat_", "docker_org_token", Set::Word, 16, 40),
    row("hvs.", "vault_token", Set::Drawn, 20, 128),
    row("hvb.", "vault_batch_token", Set::Drawn, 100, 400),
    row("hvr.", "vault_recovery_token", Set::Drawn, 20, 128),
    row("pul-", "pulumi_token", Set::Hex, 40, 40),
    row("dop_v1_", "digitalocean_token", Set::Hex, 24, 64),
    row("doo_v1_", "digitalocean_oauth_token", Set::Hex, 24, 64),
    row("dor_v1_", "digitalocean_refresh_token", Set::Hex, 24, 64),
    row("HRKU-", "heroku_key", Set::Word, 36, 80),
    row("fo1_", "fly_token", Set::Word, 40, 64),
    row("fm1_", "fly_token", Set::Key, 80, 800),
    row("fm2_", "fly_token", Set::Key, 80, 800),
    row("nfp_", "netlify_token", Set::Drawn, 36, 60),
    row("sbp_", "supabase_token", Set::Hex, 40, 40),
    row("sb_secret_", "supabase_secret", Set::Word, 24, 60),
    row("pscale_tkn_", "planetscale_token", Set::Key, 28, 70),
    row("pscale_pw_", "planetscale_password", Set::Key, 28, 70),
    row("pscale_oauth_", "planetscale_oauth_token", Set::Key, 28, 70),
    row("dp.pt.", "doppler_token", Set::Alnum, 40, 48),
    row("dp.st.", "doppler_service_token", Set::Key, 40, 80),
    row("dp.ct.", "doppler_cli_token", Set::Alnum, 40, 48),
    row("ops_eyJ", "onepassword_service_token", Set::Key, 200, 2048),
    row("A3-", "onepassword_secret_key", Set::Secretkey, 28, 40),
    row("glsa_", "grafana_service_token", Set::Word, 40, 48),
    row("glc_", "grafana_cloud_token", Set::Key, 28, 500),
    row("NRAK-", "newrelic_user_key", Set::Upper, 20, 27),
    row("NRJS-", "newrelic_browser_key", Set::Lower, 19, 19),
    row("NRII-", "newrelic_insert_key", Set::Word, 32, 32),
    row("sntrys_", "sentry_org_token", Set::Key, 60, 600),
    row("sntryu_", "sentry_user_token", Set::Hex, 64, 64),
    row("hcaik_", "honeycomb_key", Set::Lower, 60, 64),
    row("dt0c01.", "dynatrace_token", Set::Key, 80, 100),
    row("dt0s16.", "dynatrace_client_secret", Set::Key, 70, 100),
    row("PMAK-", "postman_key", Set::Word, 24, 59),
    row("lin_api_", "linear_key", Set::Alnum, 24, 40),
    row("lin_oauth_", "linear_oauth_token", Set::Hex, 60, 64),
    row("secret_", "notion_token", Set::Drawn, 43, 43),
    row("ntn_", "notion_token", Set::Drawn, 40, 50),
    row("figd_", "figma_token", Set::Word, 38, 64),
    row("squ_", "sonarqube_token", Set::Hex, 40, 40),
    row("sqp_", "sonarqube_project_token", Set::Hex, 40, 40),
    row("sqa_", "sonarqube_analysis_token", Set::Hex, 40, 40),
    row("snyk_uat.", "snyk_token", Set::Key, 40, 300),
    row("sgp_", "sourcegraph_token", Set::Word, 40, 58),
    row("slk_", "sourcegraph_license_key", Set::Hex, 64, 64),
    row("bkua_", "buildkite_token", Set::Hex, 40, 40),
    row("CCIPAT_", "circleci_token", Set::Word, 40, 70),
    row("CCIPRJ_", "circleci_project_token", Set::Word, 40, 70),
    row("pnu_", "prefect_key", Set::Drawn, 36, 36),
    row("rdme_", "readme_key", Set::Alnum, 64, 72),
    row("tk-us-", "scalingo_token", Set::Word, 48, 48),
    row("fio-u-", "frameio_token", Set::Word, 60, 66),
    row("tfp_", "typeform_token", Set::Key, 40, 70),
    row("ico-", "infracost_key", Set::Alnum, 32, 32),
    row("sk_prod_", "stripe_secret_key", Set::Alnum, 8, 250),
    row("rk_prod_", "stripe_restricted_key", Set::Alnum, 8, 250),
    row("AKCp", "artifactory_key", Set::Drawn, 56, 76),
    row("cmVmd", "artifactory_reference_token", Set::Drawn, 56, 60),
    row("API-", "octopus_key", Set::Upper, 25, 26),
    row("sha256~", "openshift_token", Set::Word, 43, 43),
    row("CFPAT-", "contentful_token", Set::Word, 43, 43),
    row("dnkey-", "defined_key", Set::Word, 50, 80),
    row("zpka_", "zuplo_key", Set::Word, 36, 44),
    row("tskey-", "tailscale_key", Set::Word, 20, 64),
    row("v1.0-", "cloudflare_origin_key", Set::Drawn, 140, 180),
    row("AGE-SECRET-KEY-", "age_secret_key", Set::Upper, 24, 60),
    row("pat-na1-", "hubspot_token", Set::Word, 36, 36),
    row("pat-eu1-", "hubspot_token", Set::Word, 36, 36),
    row("ory_at_", "ory_token", Set::Key, 40, 100),
    row("ory_st_", "ory_session_token", Set::Word, 28, 64),
    row("aio_", "adafruit_key", Set::Drawn, 28, 28),
    row("cal_live_", "cal_key", Set::Alnum, 32, 32),
    row("dapi", "databricks_token", Set::Lowhex, 32, 34),
    row("doc_v1_", "digitalocean_key", Set::Hex, 64, 64),
    row("sdk-", "launchdarkly_sdk_key", Set::Uuid, 36, 36),
    row("sl.u.", "dropbox_token", Set::Key, 60, 1400),
    row("rpa_", "runpod_key", Set::Drawn, 40, 50),
    row("sk-", "openai_key", Set::Drawn, 20, 200),
    row("sk-proj-", "openai_project_key", Set::Word, 16, 200),
    row("sk-svcacct-", "openai_service_key", Set::Word, 16, 200),
    row("sk-admin-", "openai_admin_key", Set::Word, 16, 200),
    row("sk-None-", "openai_key", Set::Word, 16, 200),
    row("sess-", "openai_session", Set::Alnum, 40, 40),
    row("sk-ant-", "anthropic_key", Set::Word, 16, 128),
    row("sk-or-", "openrouter_key", Set::Word, 16, 100),
    row("sk-lf-", "langfuse_key", Set::Uuid, 36, 36),
    row("hf_", "huggingface_token", Set::Drawn, 28, 40),
    row("api_org_", "huggingface_org_token", Set::Drawn, 30, 40),
    row("gsk_", "groq_key", Set::Drawn, 28, 60),
    row("pplx-", "perplexity_key", Set::Drawn, 28, 60),
    row("nvapi-", "nvidia_key", Set::Word, 28, 80),
    row("tvly-", "tavily_key", Set::Drawn, 20, 50),
    row("r8_", "replicate_token", Set::Drawn, 36, 40),
    row("xai-", "xai_key", Set::Drawn, 64, 90),
    row("csk-", "cerebras_key", Set::Drawn, 40, 60),
    row("lsv2_pt_", "langsmith_key", Set::Word, 40, 60),
    row("lsv2_sk_", "langsmith_key", Set::Word, 40, 60),
    row("pcsk_", "pinecone_key", Set::Word, 50, 80),
    row("tgp_v1_", "together_key", Set::Word, 40, 60),
    row("jina_", "jina_key", Set::Drawn, 50, 70),
    row("fw_", "fireworks_key", Set::Drawn, 22, 32),
];

impl Set {
    pub(super) fn holds(self, byte: u8) -> bool {
        match self {
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word | Self::Uuid => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Key => super::is_key(byte),
            // A path goes on behind it.
            Self::Drawn => super::is_key(byte) && byte != b'/',
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Lower => byte.is_ascii_lowercase() || byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Lowhex => byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'),
            Self::Azure => byte.is_ascii_alphanumeric() || b"_-.~".contains(&byte),
            Self::Digits => byte.is_ascii_digit(),
            Self::Secretkey => byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-',
        }
    }
}

/// Whether what follows a prefix makes it a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It does not.
    No,
    /// It might be one that was changed, or stands for one: it is hidden, and not told.
    Hide,
    /// It is one.
    Yes,
}

impl Vendor {
    /// What `body`, the run of key characters behind the prefix, makes of it.
    pub(super) fn judge(&self, body: &str) -> Verdict {
        let core = body.bytes().take_while(|byte| self.set.holds(*byte)).count();
        let core = body.get(..core).unwrap_or_default();
        // A sentence or a path may go on behind the key.
        let core = core.trim_end_matches(['.', '/', '-']);
        if core.len() < self.min {
            return Verdict::No;
        }
        let shape = match self.set {
            Set::Drawn => crate::bytes::is_random(crate::bytes::prefix(core, 256), self.min),
            Set::Lowhex => core.len() <= self.max && core.len() == body.len(),
            Set::Uuid => crate::bytes::is_uuid(core),
            Set::Secretkey => core.bytes().filter(|byte| *byte == b'-').count() >= 4,
            _ => true,
        };
        if !shape {
            return Verdict::No;
        }
        // What is drawn from letters and digits holds digits.
        let words = self.set == Set::Word && core.bytes().all(|byte| !byte.is_ascii_digit());
        if core.len() > self.max || words || !drawn(core) {
            return Verdict::Hide;
        }
        Verdict::Yes
    }
}

/// Nobody draws a key of so few characters, in a row or with a word that says what it stands for.
pub(in crate::mask) fn drawn(core: &str) -> bool {
    const STANDS_FOR: [&str; 6] =
        ["xxxx", "example", "abcdefgh", "12345678", "your", "placeholder"];
    let mut seen = [false; 128];
    for byte in core.bytes().take(256) {
        if let Some(slot) = seen.get_mut(usize::from(byte)) {
            *slot = true;
        }
    }
    let distinct = seen.iter().filter(|seen| **seen).count();
    let lower = crate::bytes::prefix(core, 256).to_ascii_lowercase();
    let needed = if core.len() >= 16 { 7 } else { 4 };
    distinct >= needed && !STANDS_FOR.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Characters of `set` as if drawn, `length` of them.
    fn body(set: Set, length: usize) -> String {
        if set == Set::Uuid {
            return "3f2504e0-4f89-41d3-9a0c-0305e82c3301".to_owned();
        }
        if set == Set::Secretkey {
            return "ASWWYB-798JRY-LJVD4-23DC2-86TVM-H43EB".to_owned();
        }
        let all: Vec<char> =
            (b'0'..=b'z').filter(|byte| set.holds(*byte)).map(char::from).collect();
        let all: Vec<char> = all.into_iter().filter(|char| char.is_alphanumeric()).collect();
        let mut state = 7_u32;
        let mut draw = || {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            all[(state >> 16) as usize % all.len()]
        };
        (0..length).map(|_| draw()).collect()
    }

    #[test]
    fn every_row_finds_its_key_and_neither_a_short_nor_a_made_up_one() {
        let names: BTreeSet<_> = VENDORS.iter().map(|vendor| vendor.name).collect();
        assert!(names.len() >= 60, "{}", names.len());
        for vendor in VENDORS {
            let good = body(vendor.set, vendor.min);
            assert_eq!(vendor.judge(&good), Verdict::Yes, "{} {good}", vendor.word);
            let short = good.get(..vendor.min - 1).unwrap_or_default();
            assert_eq!(vendor.judge(short), Verdict::No, "{}", vendor.word);
            let flat = "a".repeat(vendor.min);
            assert_ne!(vendor.judge(&flat), Verdict::Yes, "{}", vendor.word);
        }
    }
}
