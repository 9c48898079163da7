//! Bounds for small counts: what lets a rule fire on an afternoon as well as on a month.

/// ln(n!) by Stirling's series, exact to about 1e-10 from the table for small n.
#[must_use]
pub fn ln_factorial(n: u64) -> f64 {
    if n < 16 {
        return (2..=n).map(|k| to_f64(k).ln()).sum();
    }
    let x = to_f64(n) + 1.0;
    let inverse = 1.0 / x;
    let series = inverse / 12.0 - inverse.powi(3) / 360.0 + inverse.powi(5) / 1260.0;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * core::f64::consts::PI).ln() + series
}

/// Counts far below 2^53 only.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub const fn to_f64(n: u64) -> f64 {
    n as f64
}

/// P(X ≥ k) for X ~ Binomial(n, p).
#[must_use]
pub fn binomial_tail(k: u64, n: u64, p: f64) -> f64 {
    if k == 0 {
        return 1.0;
    }
    if k > n || p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return 1.0;
    }
    let (ln_p, ln_q) = (p.ln(), (1.0 - p).ln());
    let mut sum = 0.0;
    let mut ln_term = ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
        + to_f64(k) * ln_p
        + to_f64(n - k) * ln_q;
    for i in k..=n {
        let term = ln_term.exp();
        sum += term;
        // Beyond the mode terms only fall: what is left is too small to matter.
        if to_f64(i) > to_f64(n) * p && term < sum * 1e-12 {
            break;
        }
        ln_term += (to_f64(n - i) / to_f64(i + 1)).ln() + ln_p - ln_q;
    }
    sum.min(1.0)
}

/// P(X ≥ k) for X ~ Poisson(mean).
#[must_use]
pub fn poisson_tail(k: u64, mean: f64) -> f64 {
    if k == 0 {
        return 1.0;
    }
    if mean <= 0.0 {
        return 0.0;
    }
    let mut ln_term = to_f64(k) * mean.ln() - mean - ln_factorial(k);
    let mut sum = 0.0;
    for i in k..k.saturating_add(100_000) {
        let term = ln_term.exp();
        sum += term;
        if to_f64(i) > mean && term < sum * 1e-12 {
            break;
        }
        ln_term += mean.ln() - to_f64(i + 1).ln();
    }
    sum.min(1.0)
}

/// Finds where `f`, rising over 0..1, passes `target`.
fn bisect(target: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if f(middle) < target { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Upper end of the one-sided Clopper-Pearson interval for `k` of `n`, at error `alpha`.
#[must_use]
pub fn rate_upper(k: u64, n: u64, alpha: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    bisect(1.0 - alpha, |p| binomial_tail(k + 1, n, p))
}

/// Lower end of the one-sided Clopper-Pearson interval for `k` of `n`, at error `alpha`.
#[must_use]
pub fn rate_lower(k: u64, n: u64, alpha: f64) -> f64 {
    if k == 0 {
        return 0.0;
    }
    bisect(alpha, |p| binomial_tail(k, n, p))
}

/// Upper end of the one-sided interval for the mean of a Poisson count of `k`, at error `alpha`.
#[must_use]
pub fn mean_upper(k: u64, alpha: f64) -> f64 {
    let top = to_f64(k) + 10.0 * (to_f64(k) + 1.0).sqrt() + 20.0;
    top * bisect(1.0 - alpha, |x| poisson_tail(k + 1, x * top))
}

/// Median of what is given; 0 of nothing.
#[must_use]
pub fn median(values: &mut [u32]) -> f64 {
    values.sort_unstable();
    let at = |index: usize| values.get(index).copied().map_or(0.0, f64::from);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { at(half) } else { 0.5 * (at(half.saturating_sub(1)) + at(half)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() <= expected.abs() * 1e-4 + 1e-12, "{value} {expected}");
    }

    #[test]
    fn tails_equal_published_values() {
        near(binomial_tail(8, 10, 0.5), 56.0 / 1024.0);
        near(binomial_tail(10, 10, 0.1), 1e-10);
        near(binomial_tail(0, 10, 0.1), 1.0);
        near(poisson_tail(1, 1.0), 1.0 - (-1.0_f64).exp());
        near(poisson_tail(10, 3.0), 0.001_102_488);
        near(binomial_tail(600, 1000, 0.5), 1.364_232e-10);
    }

    #[test]
    fn bounds_equal_published_values() {
        // Rule of three: nothing in 100 at 5 % is 1 - 0.05^(1/100).
        near(rate_upper(0, 100, 0.05), 1.0 - 0.05_f64.powf(0.01));
        near(rate_lower(16, 16, 0.025), 0.025_f64.powf(1.0 / 16.0));
        near(mean_upper(0, 0.05), 2.995_732);
        near(mean_upper(10, 0.05), 16.962_22);
        near(rate_upper(5, 5, 0.05), 1.0);
    }

    #[test]
    fn the_median_is_the_middle() {
        near(median(&mut [3, 1, 2]), 2.0);
        near(median(&mut [4, 1]), 2.5);
        near(median(&mut []), 0.0);
    }
}
