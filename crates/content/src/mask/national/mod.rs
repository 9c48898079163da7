//! National identity, tax, health and social security numbers: form, check digits, context.
//!
//! Where form and check are weak (one in ten numbers of that length would pass), a word near the
//! number, or the name of the field, must say what it is.

mod checks;

use super::What;
use checks as check;
use stilt_model::Sensitive;

/// A number as it is checked.
pub(super) struct Number<'a> {
    /// In capitals, separators and all.
    text: &'a str,
    /// Its digits.
    digits: &'a [u8],
}

/// One way in which one number is written.
struct Row {
    name: &'static str,
    /// Letters as `A`, digits as `9`, all else as it is.
    form: &'static str,
    /// Words one of which must stand before it; none where form and check are enough.
    words: &'static [&'static str],
    check: fn(&Number<'_>) -> bool,
}

const fn row(
    name: &'static str,
    form: &'static str,
    words: &'static [&'static str],
    check: fn(&Number<'_>) -> bool,
) -> Row {
    Row { name, form, words, check }
}

/// Words that go with any number of a person.
const ANY: &[&str] = &[
    "national id",
    "national number",
    "tax id",
    "tin",
    "identity",
    "id number",
    "fiscal",
    "id card",
    "tax number",
    "personal number",
    "citizen id",
    "taxpayer",
    "social security",
];
const SSN: &[&str] = &["ssn", "ssns", "social security", "itin", "social insurance"];
/// The same, written with dashes: of any nine digits nine in ten pass, so that it is hidden
/// wherever it stands and told where a word speaks of it.
const DASHED: &[&str] =
    &["ssn", "ssns", "social", "security number", "taxpayer", "tax id", "itin", "tin", "tax"];
const UK: &[&str] = &["nino", "national insurance", "ni number"];
const SPAIN: &[&str] = &["dni", "nif", "nie", "documento"];
const NORDIC: &[&str] = &["personnummer", "samordningsnummer", "pnr", "cpr", "cprnr"];
const GERMANY: &[&str] = &["steuer", "steuer id", "idnr", "tax id", "steuerid", "tin"];
const AADHAAR: &[&str] = &["aadhaar", "aadhar", "uid", "uidai"];
const THAI: &[&str] = &["thai id", "thai", "citizen id"];

/// The table; the first row that fits names the number.
const ROWS: &[Row] = &[
    row("us_ssn", "999-99-9999", &[], check::us_ssn),
    row("us_ssn", "999 99 9999", SSN, check::us_ssn),
    row("us_ssn", "999999999", SSN, check::us_ssn),
    row("us_itin", "999-99-9999", SSN, check::us_itin),
    row("us_itin", "999999999", SSN, check::us_itin),
    row("us_medicare", "9AA9-AA9-AA99", &[], check::us_medicare),
    row("us_medicare", "9A99-A99-AA99", &[], check::us_medicare),
    row("us_medicare", "9A99-AA9-AA99", &[], check::us_medicare),
    row("us_medicare", "9AA9-A99-AA99", &[], check::us_medicare),
    row("br_cpf", "999.999.999-99", &[], check::brazil_cpf),
    row("br_cpf", "99999999999", &["cpf"], check::brazil_cpf),
    row("br_cnpj", "99.999.999/9999-99", &[], check::brazil_cnpj),
    row("br_cnpj", "99999999999999", &["cnpj"], check::brazil_cnpj),
    row("be_rrn", "99.99.99-999.99", &[], check::belgium),
    row("be_rrn", "99999999999", &["rijksregister", "niss", "rrn", "insz"], check::belgium),
    row("ch_ahv", "999.9999.9999.99", &[], check::switzerland),
    row("ch_ahv", "9999999999999", &["ahv", "avs"], check::switzerland),
    row("kr_rrn", "999999-9999999", &[], check::korea),
    row("kr_rrn", "9999999999999", &["rrn", "resident registration"], check::korea),
    row("in_aadhaar", "9999 9999 9999", &[], check::aadhaar),
    row("in_aadhaar", "9999-9999-9999", &[], check::aadhaar),
    row("in_aadhaar", "999999999999", AADHAAR, check::aadhaar),
    row("in_pan", "AAAAA9999A", &["pan", "pan card", "income tax"], check::india_pan),
    row("fr_nir", "9 99 99 99 999 999 99", &[], check::france),
    row("fr_nir", "999999999999999", &[], check::france),
    row("se_personnummer", "999999-9999", NORDIC, check::sweden),
    row("se_personnummer", "99999999-9999", NORDIC, check::sweden),
    row("se_personnummer", "9999999999", NORDIC, check::sweden),
    row("se_personnummer", "999999999999", NORDIC, check::sweden),
    row("se_personnummer", "999999+9999", NORDIC, check::sweden),
    row("dk_cpr", "999999-9999", &["cpr"], check::denmark),
    row("no_fnr", "99999999999", &[], check::norway),
    row("fi_hetu", "999999-999A", &[], check::finland),
    row("fi_hetu", "999999A999A", &[], check::finland),
    row("fi_hetu", "999999-9999", &["hetu", "henkilotunnus", "henkilötunnus"], check::finland),
    row("fi_hetu", "999999A9999", &["hetu", "henkilotunnus", "henkilötunnus"], check::finland),
    row("nl_bsn", "999999999", &["bsn", "burgerservicenummer", "sofinummer"], check::netherlands),
    row("ca_sin", "999 999 999", &["sin", "social insurance"], check::canada),
    row("ca_sin", "999-999-999", &["sin", "social insurance"], check::canada),
    row("ca_sin", "999999999", &["sin", "social insurance"], check::canada),
    row("au_tfn", "999 999 999", &["tfn", "tax file"], check::australia),
    row("au_tfn", "999999999", &["tfn", "tax file"], check::australia),
    row("au_medicare", "9999 99999 9", &["medicare"], check::medicare),
    row("au_medicare", "9999999999", &["medicare"], check::medicare),
    row("il_id", "999999999", &["teudat zehut", "israeli id"], check::israel),
    row("pt_nif", "999999999", &["nif", "contribuinte"], check::portugal),
    row("uk_nhs", "999 999 9999", &["nhs"], check::nhs),
    row("uk_nhs", "999-999-9999", &["nhs"], check::nhs),
    row("uk_nhs", "9999999999", &["nhs"], check::nhs),
    row("uk_nino", "AA 99 99 99 A", &[], check::united_kingdom),
    row("uk_nino", "AA999999A", UK, check::united_kingdom),
    row("bg_egn", "9999999999", &["egn"], check::bulgaria),
    row("cz_rc", "999999/9999", &["rodne", "rodné", "rodne cislo"], check::czechia),
    row("cz_rc", "9999999999", &["rodne", "rodné", "rodne cislo"], check::czechia),
    row("pl_pesel", "99999999999", &["pesel"], check::poland),
    row("de_steuer_id", "99999999999", GERMANY, check::germany),
    row(
        "de_pension",
        "99999999A999",
        &["sozialversicherung", "rentenversicherung"],
        check::germany_pension,
    ),
    row("tr_tckn", "99999999999", &["tckn", "kimlik", "tc no"], check::turkey),
    row("hr_oib", "99999999999", &["oib"], check::croatia),
    row("baltic_code", "99999999999", &["isikukood", "asmens kodas"], check::baltic),
    row("gr_amka", "99999999999", &["amka"], check::greece),
    row("ro_cnp", "9999999999999", &["cnp"], check::romania),
    row("za_id", "9999999999999", &["south african id", "rsa id", "sa id"], check::south_africa),
    row("th_id", "9-9999-99999-99-9", &[], check::thailand),
    row("th_id", "9999999999999", THAI, check::thailand),
    row("jp_my_number", "999999999999", &["my number", "mynumber"], check::japan),
    row("jp_my_number", "9999 9999 9999", &["my number", "mynumber"], check::japan),
    row("cn_resident", "999999999999999999", &[], check::china),
    row("cn_resident", "99999999999999999A", &[], check::china),
    row("tw_id", "A999999999", &["taiwan id", "national id"], check::taiwan),
    row("sg_nric", "A9999999A", &["nric", "fin"], check::singapore),
    row("es_nie", "A9999999A", SPAIN, check::nie),
    row("es_nie", "A9999999-A", SPAIN, check::nie),
    row("es_dni", "99999999A", SPAIN, check::spain),
    row("es_dni", "99999999-A", SPAIN, check::spain),
    row("ie_pps", "9999999A", &["pps", "ppsn"], check::ireland),
    row("ie_pps", "9999999AA", &["pps", "ppsn"], check::ireland),
    row("it_codice_fiscale", "AAAAAA99A99A999A", &[], check::italy),
    row("mx_curp", "AAAA999999AAAAAA99", &[], check::mexico),
    row("mx_curp", "AAAA999999AAAAAAA9", &[], check::mexico),
    row("ar_cuit", "99-99999999-9", &[], check::argentina),
    row("ar_cuit", "99999999999", &["cuit", "cuil"], check::argentina),
    row("cl_rut", "99.999.999-9", &[], check::chile),
    row("cl_rut", "99.999.999-A", &[], check::chile),
    row("cl_rut", "9.999.999-9", &[], check::chile),
    row("cl_rut", "9.999.999-A", &[], check::chile),
    row("cl_rut", "99999999-9", &["rut", "run"], check::chile),
];

/// The longest form.
const FORM_MAX: usize = 24;

/// The number that `text` is. `before` gives what stands before it, in small letters; it is asked
/// for only where form and check fit and are not enough.
pub(super) fn find(text: &str, before: &impl Fn() -> String) -> Option<What> {
    let mut said: Option<String> = None;
    matching(text, |row| {
        let said = said.get_or_insert_with(before);
        says(said, row.words) || says(said, ANY)
    })
    .map(|what| {
        let bare = matches!(what.name, "us_ssn" | "us_itin") && text.contains('-');
        let mut told = || {
            let said = said.take().unwrap_or_else(before);
            says(&said, DASHED) || says(&said, ANY)
        };
        if bare && !told() { what.hidden() } else { what }
    })
}

/// Whether the words of a name speak of a number of some country's people, and of nothing else as
/// often.
pub(super) fn is_spoken_of(name: &str) -> bool {
    const VAGUE: &[&str] = &["uid", "run", "thai", "documento", "tin"];
    let telling = |word: &&&str| !VAGUE.contains(*word);
    let mut words = ROWS.iter().flat_map(|row| row.words).filter(telling);
    words.any(|word| says(name, core::slice::from_ref(word)))
}

/// The number that a field of such a name holds.
pub(super) fn named(text: &str) -> Option<What> {
    matching(text.trim(), |_| true)
}

fn matching(text: &str, mut context: impl FnMut(&Row) -> bool) -> Option<What> {
    let mut form = [0_u8; FORM_MAX];
    for (slot, byte) in form.get_mut(..text.len())?.iter_mut().zip(text.bytes()) {
        *slot = match byte {
            b'0'..=b'9' => b'9',
            b'A'..=b'Z' | b'a'..=b'z' => b'A',
            other => other,
        };
    }
    let form = form.get(..text.len())?;
    let mut number: Option<(String, Vec<u8>)> = None;
    let row = ROWS.iter().find(|row| {
        if row.form.as_bytes() != form {
            return false;
        }
        let (text, digits) = number.get_or_insert_with(|| {
            let digits = text.bytes().filter(u8::is_ascii_digit);
            (text.to_ascii_uppercase(), digits.map(|digit| digit.saturating_sub(b'0')).collect())
        });
        (row.check)(&Number { text, digits }) && (row.words.is_empty() || context(row))
    })?;
    Some(What::named(row.name, Sensitive::NationalId))
}

/// Whether one of `words` stands in `text` on its own.
fn says(text: &str, words: &[&str]) -> bool {
    let bytes = text.as_bytes();
    let free = |byte: u8| !byte.is_ascii_alphanumeric();
    words.iter().any(|word| {
        text.match_indices(word).any(|(at, found)| {
            let end = at.saturating_add(found.len());
            free(crate::bytes::before(bytes, at)) && free(crate::bytes::byte(bytes, end))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> String {
        let one = |c: char| match c {
            '0'..='9' => '9',
            c if c.is_ascii_alphabetic() => 'A',
            other => other,
        };
        text.chars().map(one).collect()
    }

    #[test]
    fn numbers_of_many_countries_pass_their_check_and_a_changed_digit_does_not() {
        let check = |name: &str, good: &str, bad: &str| {
            // Numbers of several countries have one form: only this one's rows are asked.
            let passes = |text: &str| {
                let mut rows = ROWS.iter().filter(|row| row.name == name && row.form == form(text));
                let digits: Vec<u8> =
                    text.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect();
                rows.any(|row| (row.check)(&Number { text, digits: &digits }))
            };
            assert!(passes(good), "{name} {good}");
            assert!(!passes(bad), "{name} {bad}");
            assert!(named(good).is_some(), "{good}");
        };
        check("us_ssn", "123-45-6789", "666-45-6789");
        check("br_cpf", "529.982.247-25", "529.982.247-26");
        check("br_cnpj", "11.222.333/0001-81", "11.222.333/0001-82");
        check("be_rrn", "85.07.30-033.28", "85.07.30-033.29");
        check("ch_ahv", "756.9217.0769.85", "756.9217.0769.86");
        check("in_aadhaar", "2341 2341 2346", "2341 2341 2347");
        check("fr_nir", "255081416802538", "255081416802539");
        check("se_personnummer", "640823-3234", "640823-3235");
        check("fi_hetu", "131052-308T", "131052-308U");
        check("nl_bsn", "111222333", "111222334");
        check("uk_nhs", "943 476 5919", "943 476 5918");
        check("uk_nino", "AB 12 34 56 C", "GB 12 34 56 C");
        check("pl_pesel", "44051401359", "44051401358");
        check("de_steuer_id", "86095742719", "86095742718");
        check("de_pension", "15070649C103", "15070649C104");
        check("tr_tckn", "10000000146", "10000000147");
        check("hr_oib", "94577403194", "94577403195");
        check("ro_cnp", "1800101221144", "1800101221145");
        check("za_id", "8001015009087", "8001015009088");
        check("th_id", "1-1037-02071-81-1", "1-1037-02071-81-2");
        check("cn_resident", "11010519491231002X", "110105194912310021");
        check("sg_nric", "S1234567D", "S1234567E");
        check("es_nie", "X1234567L", "X1234567M");
        check("es_dni", "12345678Z", "12345678A");
        check("it_codice_fiscale", "RSSMRA85T10A562S", "RSSMRA85T10A562T");
        check("ar_cuit", "20-12345678-6", "20-12345678-7");
        check("cl_rut", "12.345.678-5", "12.345.678-6");
        check("au_tfn", "123 456 782", "123 456 783");
        check("tw_id", "A123456789", "A123456788");
        check("ie_pps", "1234567T", "1234567U");
        check("cz_rc", "780123/3506", "780123/3599");
    }

    #[test]
    fn a_weak_check_needs_a_word_of_its_country() {
        let found =
            |text: &str, before: &str| find(text, &|| before.to_owned()).map(|what| what.name);
        assert_eq!(found("44051401359", "order "), None);
        assert_eq!(found("44051401359", "pesel: "), Some("pl_pesel"));
        assert_eq!(found("12345678Z", "dni "), Some("es_dni"));
        assert_eq!(found("12345678Z", "spinning "), None);
        assert_eq!(found("123-45-6789", ""), Some("us_ssn"));
        let told = |before: &str| find("123-45-6789", &|| before.to_owned()).unwrap().kind;
        assert_eq!(told("part no. "), None);
        assert_eq!(told("ssn: "), Some(Sensitive::NationalId));
    }
}
