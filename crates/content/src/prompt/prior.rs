//! What is held of acts before anything is learned: how much each speaks for an injection.
//!
//! Corpora say how their authors wrote; what an order to set aside one's instructions *is* does not
//! depend on them. So the sum of these opinions is one more feature, which the training weighs, and
//! it holds on sources that nothing was learned from.

use super::acts::{Act, Tally};

/// What an act speaks for, in tenths: in words of those who may give orders, and in data.
const fn opinion(act: Act) -> (i32, i32) {
    match act {
        Act::SetAside => (40, 40),
        Act::ForgetAll => (30, 35),
        Act::SetAsideLoose => (25, 30),
        Act::OwnWordsBack => (-20, 0),
        Act::TalkOfSettingAside => (0, 0),
        Act::SetAsideOther => (2, 2),
        Act::NewTask => (13, 20),
        Act::Reassign => (15, 20),
        Act::Part => (2, 10),
        Act::YouAre => (0, 3),
        Act::Unbound => (20, 15),
        Act::Mode => (15, 10),
        Act::NoRefusal => (20, 10),
        Act::AskTold => (30, 30),
        Act::AskSecret => (18, 18),
        Act::Conceal => (10, 30),
        Act::SendTo => (4, 20),
        Act::SendData => (5, 18),
        Act::Order => (0, 2),
        Act::PleaseDo => (0, 8),
        Act::MustDo => (0, 4),
        Act::Prefix => (12, 20),
        Act::SayExactly => (7, 12),
        Act::Addressed => (6, 30),
        Act::Mentioned => (2, 4),
        Act::AroundTool => (2, 15),
        Act::Alarm => (4, 10),
        Act::Authority => (15, 15),
        Act::AsksAbout => (-10, -10),
        Act::AttackTalk => (-10, -15),
        Act::Quoted => (-8, -10),
        Act::Fiction => (-7, -3),
        Act::Cipher => (4, 4),
        Act::Harm => (7, 3),
        Act::ChatToken => (30, 35),
        Act::PromptTag => (13, 18),
        Act::EndMark => (10, 10),
        Act::Question => (-5, -3),
        Act::Brief => (-2, 0),
        Act::HiddenText => (40, 40),
        Act::Disguise => (12, 20),
        Act::Decoded => (6, 12),
        Act::HiddenPlace => (2, 7),
        Act::Dialogue => (4, 4),
        Act::Interposes => (0, 20),
        Act::ForUser => (2, 15),
        Act::AnswerShape => (0, 18),
        Act::ModelMust => (0, 9),
        Act::CallsTool => (0, 14),
        Act::OwnGoods => (0, 16),
        Act::SendWords => (0, 14),
        Act::Sweeping => (0, 6),
        Act::AmongPeople => (0, -8),
        Act::ReadersOwn => (0, -4),
        Act::SetsTask => (0, 6),
        Act::Misplaced => (0, 14),
    }
}

/// The sum of what all acts speak for, as words that may order and as data.
pub(super) fn opinions(tally: &Tally) -> [f32; 2] {
    let (told, data) = tally.met().fold((0_i32, 0_i32), |(told, data), (act, _)| {
        let (one, other) = opinion(act);
        (told.saturating_add(one), data.saturating_add(other))
    });
    [told, data].map(|sum| f32::from(i16::try_from(sum.clamp(-20, 80)).unwrap_or(0)) / 10.0)
}
