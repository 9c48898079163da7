//! What a text does to a model that reads it, and how sure one can be that it injects a prompt.

use serde::{Deserialize, Serialize};

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident = $says:literal,)*) => {
        /// One act of a text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum Act { $($(#[$doc])* $name),* }

        impl Act {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The act in words, after "the text …"; `None` for acts that tell nothing alone.
            #[must_use]
            pub const fn says(self) -> Option<&'static str> {
                let says = match self { $(Self::$name => $says),* };
                if says.is_empty() { None } else { Some(says) }
            }
        }
    };
}

// The order is that of the trained weights: new acts go to the end.
acts! {
    /// An order to set aside what the model was told before.
    SetAside = "orders to set aside what the model was told",
    /// An order to set aside all that came before, whatever it was.
    ForgetAll = "orders to forget all that came before",
    /// An order to set aside instructions, without saying whose.
    SetAsideLoose = "orders to set instructions aside",
    /// Setting aside something that is the speaker's own.
    OwnWordsBack = "",
    /// Setting aside told, asked about or denied, rather than ordered.
    TalkOfSettingAside = "",
    /// An order to set aside something else.
    SetAsideOther = "",
    /// A new task or new instructions are announced.
    NewTask = "announces new instructions",
    /// The model is told that it is someone else from now on.
    Reassign = "makes the model someone else",
    /// The model is asked to play a part.
    Part = "",
    /// The model is told what it is.
    YouAre = "",
    /// The model is told to have no limits.
    Unbound = "tells the model that it has no limits",
    /// A mode without limits is switched on.
    Mode = "switches on a mode without limits",
    /// Refusing, warning or excusing is forbidden.
    NoRefusal = "forbids to refuse",
    /// What the model was told is asked for.
    AskTold = "asks for what the model was told",
    /// A secret is asked for.
    AskSecret = "asks for a secret",
    /// Something is to be kept from the user.
    Conceal = "asks to hide something from the user",
    /// Something is to be sent to an address.
    SendTo = "orders to send something to an address",
    /// Data is to be sent away.
    SendData = "orders to send data away",
    /// An order to act.
    Order = "orders to act",
    /// A polite order to act.
    PleaseDo = "asks to act",
    /// The reader must act.
    MustDo = "says what the reader must do",
    /// How the answer has to begin.
    Prefix = "says how the answer must begin",
    /// What the answer has to be, word for word.
    SayExactly = "says what the answer must be, word for word",
    /// The model is addressed as a model.
    Addressed = "addresses the model as a model",
    /// A model is mentioned.
    Mentioned = "",
    /// Something is to be done before, after or when a tool is used.
    AroundTool = "hooks itself to the use of a tool",
    /// What follows is said to be important.
    Alarm = "claims urgency",
    /// The speaker claims to be who may order.
    Authority = "claims to be who may order",
    /// A question about attacks or instructions.
    AsksAbout = "",
    /// Attacks are the subject.
    AttackTalk = "",
    /// Something of this stands in quotation marks.
    Quoted = "",
    /// A story is told or asked for.
    Fiction = "",
    /// Something is to be written in code.
    Cipher = "",
    /// Harm is asked for.
    Harm = "",
    /// A chat template's own tokens.
    ChatToken = "bears a chat template's tokens",
    /// A tag or heading as prompts have it.
    PromptTag = "bears a tag of prompts",
    /// The end of something is announced.
    EndMark = "announces the end of something",
    /// A question.
    Question = "",
    /// The reader is told what a task is, as a task's text does.
    Brief = "",
    /// Text hidden in characters that are not shown.
    HiddenText = "is hidden in characters that are not shown",
    /// Invisible characters or borrowed letters inside words.
    Disguise = "is spelled with borrowed, invisible or spread letters",
    /// Text that had to be decoded.
    Decoded = "is written in code",
    /// A hidden place of a page: a comment, an invisible element.
    HiddenPlace = "stands in a hidden place of a page",
    /// Many turns of a dialogue that never was.
    Dialogue = "bears turns of a dialogue that never was",
    /// A task is put before the one that was asked for, or in its place.
    Interposes = "puts a task before the one that was asked",
    /// The user is spoken for, to someone who is not the user.
    ForUser = "speaks for the user",
    /// What form or words the answer must have.
    AnswerShape = "says what the answer must be like",
    /// What a model must do is laid down.
    ModelMust = "says what a model must do",
    /// A tool is to be called, or a call is written out.
    CallsTool = "orders to call a tool",
    /// Something is to be done with what is the speaker's own, or in the speaker's name.
    OwnGoods = "orders in the name of one who is not the user",
    /// A message with given words is to be sent.
    SendWords = "orders to send given words",
    /// An order to do something to all there is of a thing.
    Sweeping = "orders to do something to all there is",
    /// Something is asked of people: a term, an answer to the one who writes.
    AmongPeople = "",
    /// An order about what is the reader's own, as manuals and forms have it.
    ReadersOwn = "",
    /// A work is ordered: a poem, a list, a translation.
    SetsTask = "orders a work",
    /// A request that has nothing to do with the text around it.
    Misplaced = "asks for what has nothing to do with the text around it",
}

/// What the prompt classifier says of a text: of its worst window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspicion {
    /// In thousandths: 500 is the threshold for whose words they are.
    pub permille: u16,
    /// What it does.
    pub acts: Vec<Act>,
    /// Where it begins and ends in the text as it reads, in bytes.
    pub span: (u32, u32),
    /// Of what a tool gave: keyed hash of the letters of the passage, equal wherever it stands.
    #[serde(default)]
    pub piece: u64,
}

impl Suspicion {
    /// From a score between 0 and 1.
    #[must_use]
    pub fn new(score: f32, acts: Vec<Act>, span: (u32, u32)) -> Self {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
        let permille = (score.clamp(0.0, 1.0) * 1000.0).round() as u16;
        Self { permille, acts, span, piece: 0 }
    }

    /// Between 0 and 1.
    #[must_use]
    pub fn score(&self) -> f32 {
        f32::from(self.permille) / 1000.0
    }

    /// More likely than not, at the false alerts that the classifier is calibrated for.
    #[must_use]
    pub const fn likely(&self) -> bool {
        self.permille >= 500
    }

    /// It does one of these.
    #[must_use]
    pub fn does(&self, acts: &[Act]) -> bool {
        self.acts.iter().any(|act| acts.contains(act))
    }
}
