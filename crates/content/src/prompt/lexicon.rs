//! What words mean to a prompt: each word of the lexicon stands for one or more classes.
//!
//! The model learns over these classes rather than over words, so that an order to *disregard* what
//! was said before is known from the orders to *ignore* or to *vergessen* it that were learned.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A set of classes.
pub(super) type Set = u64;

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident = $words:expr;)*) => {
        #[derive(Clone, Copy)]
        #[allow(clippy::upper_case_acronyms, reason = "one name a class")]
        #[repr(u8)]
        enum At { $($name),* }
        $($(#[$doc])* pub(super) const $name: Set = 1 << At::$name as u8;)*
        const WORDS: &[(Set, &str)] = &[$(($name, $words)),*];
    };
}

// A class that stands earlier is the name of a word that has several.
classes! {
    /// Orders to set aside, in the form of an order.
    OVERRIDE = "ignore disregard forget override overrule discard neglect bypass abandon dismiss unlearn \
        circumvent nullify void supersede suspend vergiss vergesse vergessen ignoriere \
        ignorier ignorieren \
        missachte oublie oubliez ignorez olvida olvide olvidate olvidad ignora ignorad dimentica \
        dimenticate ignorate esqueca ignora esquece desconsidere vergeet negeer zaboravi \
        zaboravite \
        ignorisi zignoruj zapomnij zapomen ignoruj забудь забудьте игнорируй игнорируйте \
        проигнорируй \
        ξεχνα ξεχασε αγνοησε αγνοηστε unut yoksay glem 忽略 忘记 无视 忽視 無視 忘れ 忘掉 무시 잊어 \
        تجاهل انس अनदेखा ignorera strunta bortse ignorer zanemari zanemarite abaikan lupakan ohita";
    /// The same as something told, not ordered.
    OVERRIDDEN = "ignoring ignored ignores disregarding disregarded forgetting forgot forgotten forgets \
        overriding overridden overrides bypassing bypassed bypasses discarding discarded dismissed \
        neglecting neglected neglects superseded voided abandoned";
    /// Ways of an AI that has cast off its limits.
    UNBOUND = "unrestricted unfiltered uncensored unbounded unlimited jailbreak jailbroken jailbreaked dan \
        immoral unethical amoral nonmoral unconstrained unaligned limitless unhinged uncensor \
        aim stan \
        lawless ungebunden";
    /// What limits an AI.
    LIMIT = "restrictions restriction limits limitations limitation filters filter censorship safety \
        safeguards guardrails safeguard guardrail moderation ethics ethical morals moral morality \
        policy policies confines constraints boundaries alignment openais";
    /// What was told a model, as a thing.
    TOLD = "instruction instructions directive directives prompt prompts rules guideline guidelines orders \
        commands programming directions assignment assignments tasks preprompt prompting protocols \
        anweisung anweisungen aufgaben auftrage auftrag befehle regeln instruktionen vorgaben \
        consignes \
        consigne regles instrucciones ordenes reglas istruzioni regole instrucoes regras \
        instructies \
        opdrachten instrukcije instrukcje polecenia pokyny инструкции инструкций указания \
        правила οδηγιες \
        εντολες regels regler instruktioner instruktionerna instruksjoner instruksjonene \
        instrukser anvisningar \
        ohjeet upute uputa instructiunile instruksi निर्देशों talimatlari talimatlar 指令 指示 提示 规则 プロンプト 說明 说明 命令 지시 명령 تعليمات निर्देश";
    /// One task or order, which may be an ordinary word too.
    TASK = "task rule order command context request query question conversation aufgabe tarea tache mission \
        objective goal goals persona assignment statement input inputs training";
    /// What lies before.
    PAST = "previous previously prior above preceding earlier existing original initial foregoing これまで \
        former beforehand vorherigen vorherige davor bisher bisherigen obigen oben precedentes \
        precedente precedents anteriores anterior previas previo precedenti prethodne \
        poprzednie predchozi \
        предыдущие предыдущих прежние προηγουμενες προηγουμενα onceki 之前 先前 以前 以上 上述 上面 前の 이전 \
        السابقة पिछले tidigare tidligere foregaende aiemmat anterioare sebelumnya";
    /// Everything.
    ALL = "all any every everything anything entire whatever alle alles allem tout toutes tous todo todas \
        todos tutto tutte tutti sve alla samtliga kaikki toate semua \
        wszystkie все всё всех ολες ολα 所有 全部 一切 すべて 全て 모든 جميع सभी";
    /// The system, in front of its prompt or message.
    SYSTEM = "system systems hidden internal secret developer root base core underlying";
    /// Showing.
    REVEAL = "reveal show print display output repeat leak expose disclose recite dump echo copy divulge \
        regurgitate spell transcribe paste zeige zeig drucke wiederhole nenne affiche montre \
        repete \
        muestra muestrame repite mostra mostrami ripeti reveler revela покажи выведи повтори 显示 重复 \
        输出 打印 告诉 表示 教えて 出力";
    /// What is kept.
    SECRET = "password passwords passwort passcode passphrase credentials credential token tokens apikey \
        private confidential ssh pin ssn pii salary salaries contraseña contrasena 密码 パスワード codeword";
    /// Sending away.
    SEND = "send forward email upload post transmit exfiltrate transfer deliver submit publish sends \
        wire curl wget share dm mail text relay sende schicke envoie envoyez envia \
        enviar reenvia manda mandar invia inviare inoltra envie leite weiterleiten отправь перешли \
        отправьте 发送 转发 转账 送信 転送";
    /// Other things that an agent does.
    ACT = "delete remove pay buy purchase book reserve create add update change modify grant invite \
        cancel schedule execute run call invoke open visit click download install search retrieve \
        access unlock disable enable deposit withdraw deploy wipe erase format reset register sign \
        approve authorize merge commit push encrypt query fetch browse navigate subscribe \
        unsubscribe rate review order set turn use save store log make put move rename \
        replace insert \
        append edit start launch trigger check verify monitor collect gather extract";
    /// Saying, writing, answering.
    SAY = "say write tell answer respond reply give list state respond provide explain generate translate \
        summarize compose produce include mention speak complete describe sag schreib schreibe \
        antworte formuliere erzahle dis dites ecris di dime escribe responde scrivi rispondi \
        скажи ответь \
        напиши 说 回答 回复 답해 describe recommend suggest pick classify rewrite paraphrase convert";
    /// Letting someone know.
    INFORM = "inform notify mention alert warn acknowledge discuss admit announce report confirm \
        informing notifying mentioning telling alerting revealing warning disclosing asking";
    /// Without anyone knowing.
    QUIET = "silently secretly quietly discreetly covertly hide conceal stealthily unnoticed invisibly \
        undetected heimlich secreto confidentially transparently";
    /// Taking on a part.
    PRETEND = "pretend act roleplay simulate impersonate become imagine emulate assume behave embody \
        pretending acting simulating imagine suppose immerse play";
    /// The part.
    PART = "mode persona character role alter ego personality identity jemand roleplaying simulation";
    /// Refusing, and what goes with it.
    REFUSE = "refuse decline apologize apologise disclaimer disclaimers warnings refusal refusals reject \
        apology apologies deny denied refuses sorry cannot unable ablehnen censor hesitate";
    /// A model, as the one spoken to or of.
    MODEL = "ai assistant model llm llms gpt chatgpt gpt4 claude gemini bot chatbot agent agents \
        copilot \
        assistants bots chatbots copilots assistenten \
        openai anthropic bard llama mistral summarizer summariser asistente assistente ассистент \
        ии \
        помощник asystent ki assistent ia chatgpts gpt3 人工智能 助手 ais";
    /// The one spoken to.
    YOU = "you u du sie tu vous usted ihr youre youll youve yourself dir dich ты вы ti 你 您 あなた thou";
    /// Of the one spoken to.
    YOUR = "your yours dein deine deinen deiner ihre votre vos tes ton tus sus su tuo tue tuoi твои ваши \
        твой 你的 您的 あなたの seus suas vase twoje";
    /// Those whom a model serves.
    USER = "user users human humans customer customers owner operator nutzer benutzer utilisateur usuario";
    /// Not.
    NEG = "not dont never no without nor cant neither nicht kein keine nie non pas jamais sin nunca nao wont \
        shouldnt mustnt isnt arent doesnt 不要 不 не ne refrain avoid stop";
    /// Talk about a thing, or a question.
    ASK = "what how why which who where when explain define difference meaning example examples detect \
        prevent prevention protect defend mitigate mitigation research paper article study concept \
        technique tutorial documentation lecture course wie was warum que comment pourquoi \
        como does is \
        are can could would should did do was were will";
    /// Attacks as a subject.
    ATTACK = "injection injections attack attacks attacker attackers vulnerability vulnerabilities security \
        hacker hackers hacking exploit exploits phishing malware threat threats owasp adversarial \
        jailbreaks jailbreaking malicious suspicious";
    /// Must, should.
    MUST = "must shall need have should required ought always strictly exclusively mandatory obligated \
        musst sollst debes devi dois";
    /// From this moment.
    NOW = "now instead henceforth immediately urgently onward onwards hereby jetzt stattdessen maintenant \
        ahora adesso 现在 сейчас теперь hereafter then today from";
    /// New.
    NEW = "new updated revised changed neue neuen nouvelle nuevas nueva nuove 新 新的 новые next actual real \
        true different following";
    /// Calls for attention.
    ALARM = "important attention warning urgent critical note notice achtung wichtig stopp emergency priority \
        mandatory alert override important_message essential crucial";
    /// Please.
    PLEASE = "please kindly pls plz bitte favor silvousplait пожалуйста 请 ください simply just also first \
        then and but so therefore or finally ok okay lets completely totally entirely fully und et y e";
    /// Tools and their kin.
    TOOL = "tool tools function functions api apis plugin plugins server mcp endpoint webhook parameter \
        argument arguments read_file write_file";
    /// I.
    SELF = "i we im ive id ich wir je nous yo io я 我 私";
    /// Mine.
    MY = "my our mine mein meine mi mis mio mon mes meu mine ours his her their its another";
    /// Beginning.
    BEGIN = "begin start starting beginning beginne prefix commence prepend";
    /// An answer, as a thing.
    RESPONSE = "response responses answer answers reply replies output outputs sentence message messages \
        antwort reponse respuesta risposta words word text";
    /// Only.
    ONLY = "only exactly nothing solely else verbatim precisely nur seulement solo whole full literally";
    /// Who may order.
    POWER = "admin administrator creator programmer sudo authorized authorised superuser ceo boss owner \
        engineer permission permissions privileges clearance authorization debug override \
        maintenance \
        diagnostic testing verified trusted";
    /// Harm.
    HARM = "illegal bomb bombs meth weapon weapons kill drugs steal ransomware hate hates racist offensive \
        harmful dangerous explicit nsfw sexual violence violent stupid hasst curse swear vulgar profanity";
    /// Stories.
    FICTION = "story novel game movie scene fiction fictional hypothetical script film play poem tale \
        hypothetically screenplay character characters";
    /// End.
    END = "end ends ended ending finished over done ende begin_";
    /// In which order.
    ORDER = "before after whenever once while upon until during prior when";
    /// What holds data.
    DATA = "file files document documents message messages data database account accounts inbox emails \
        records record folder contacts directory env history logs transactions balance \
        details list \
        information info conversation notes address addresses phone key keys";
    /// Writing that hides.
    CIPHER = "base64 encode encoded decode decoded rot13 hex cipher backwards reversed binary encoding \
        morse spelled letters leetspeak caesar encrypted";
    /// Wanting.
    WANT = "want wants need ask instruct order would like urge beg expect require ordered instructed told asked \
        going possche demand supposed";
    /// Freed of.
    FREE = "free freed broken beyond break longer outside released liberated removed lifted disabled off";
    /// This.
    THIS = "this following below here these sentence that";
    /// If.
    IF = "if unless wenn si se если";
    /// Doing as one is told.
    OBEY = "follow obey listen comply adhere heed abide honor honour befolge folge";
    /// Doing something else that a helper is asked for.
    DO = "analyze analyse assess compare calculate compute design develop draft help teach sing count \
        find identify outline argue rank sort predict proofread brainstorm plan build implement \
        solve evaluate examine inspect investigate explore introduce perform conduct manipulate \
        alter tamper intercept redirect divert disrupt terminate shut restart halt inject \
        compromise falsify fabricate forge backdate obtain acquire harvest scan crack corrupt \
        destroy sabotage block unblock revoke restrict promote endorse advertise praise boost \
        donate sell trade swap exchange arrange organize organise prepare assign allow permit lend \
        ship dispatch redeem cash refund increase decrease raise lower adjust mark label tag pin \
        hire fire dispense prescribe administer withhold assist advise persuade convince outline \
        rephrase reword shorten expand simplify paraphrase list craft invent visualize sketch draw \
        paint illustrate optimize optimise debug refactor overwrite duplicate clone upgrade \
        downgrade reboot mute unmute unlink attach archive export import backup sync pair connect \
        disconnect arm disarm remind notify ping message contact hand bestelle uberweise losche \
        kaufe buche andere setze offne aktiviere deaktiviere erstelle loschen uberweisen achete \
        supprime supprimez reserve transferez virez ajoute ajoutez ouvre ouvrez modifie modifiez \
        transfiere borra elimina compra reserva agrega abre cambia crea trasferisci cancella \
        elimina compra prenota aggiungi apri modifica crea apague transfira compre reserve";
    /// Works that a writer is asked for.
    WORK = "poem poems essay essays joke jokes haiku limerick song songs lyrics recipe recipes riddle slogan \
        advertisement advert ad ads blog speech sonnet rap paragraph paragraphs bullet bullets \
        haikus tweet tweets caption headline review plot dialogue rhyme summary outline \
        translation synopsis quiz trivia puzzle gedicht witz rezept poeme blague poema chiste receta";
    /// Things of worth, and what holds them.
    ASSET = "money funds dollars dollar usd eur euros gbp bitcoin btc ethereum eth crypto wallet \
        savings \
        payment payments salary card cards cash iban balance checking payee beneficiary \
        subscription subscriptions shares stock stocks loan refund invoice konto geld compte \
        argent \
        cuenta dinero conto denaro conta dinheiro";
    /// Things that a house, a car or a clinic obeys.
    DEVICE = "lock locks door doors garage thermostat camera cameras lights light alarm alarms oven heater \
        vacuum car vehicle gate device devices bulb heating appliance appliances robot drone \
        printer sprinkler blinds firewall vpn router elevator dosage medication prescription";
    /// Days and terms: whoever names one waits for people.
    WHEN = "monday tuesday wednesday thursday friday saturday sunday noon tomorrow tonight week weekend \
        deadline eod january february march april june july august september october november \
        december morning afternoon evening montag dienstag mittwoch donnerstag freitag lundi mardi \
        mercredi jeudi vendredi lunes martes miercoles jueves viernes";
    /// How letters between people begin and end.
    GREET = "dear hi hello hey regards sincerely thanks cheers thank best greetings yours subject hallo liebe \
        lieber geehrte geehrter grusse grussen gruss danke bonjour cordialement merci hola saludos \
        gracias ciao saluti grazie";
    /// Tongues and forms that an answer can be put into.
    TONGUE = "english french spanish german italian portuguese chinese japanese russian arabic hindi korean \
        latin dutch swedish uppercase lowercase emoji emojis capitals markdown json csv xml table \
        pirate shakespeare shakespearean klingon englisch franzosisch deutsch anglais francais \
        espagnol espanol ingles frances";
}

/// Classes that say what a sentence is about rather than what it does to its reader.
pub(super) const TOPICS: Set = DO | WORK | ASSET | DEVICE | WHEN | GREET | TONGUE;

/// Names of the signs between words, as classes of their own.
pub(super) const LINK: Set = 1 << 56;
/// A number.
pub(super) const NUMBER: Set = 1 << 57;
/// A quotation mark or bracket that opens.
pub(super) const OPEN: Set = 1 << 58;
/// One that closes.
pub(super) const CLOSE: Set = 1 << 59;
/// A colon.
pub(super) const COLON: Set = 1 << 60;
/// A comma or a dash.
pub(super) const COMMA: Set = 1 << 61;
/// Signs of markup and separators.
pub(super) const MARKUP: Set = 1 << 62;

/// A word of a script without blanks, whose languages put the verb last or anywhere.
pub(super) const WIDE: Set = 1 << 63;

/// Hash of a word, the same on every machine (FNV-1a, 64 bits).
pub(super) fn hash(word: &str) -> u64 {
    word.bytes().fold(FNV, fnv)
}

/// Where a hash begins.
pub(super) const FNV: u64 = 0xcbf2_9ce4_8422_2325;

/// One byte more of a hash.
pub(super) fn fnv(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

static LEXICON: LazyLock<HashMap<u64, Set, foldhash::fast::FixedState>> = LazyLock::new(|| {
    let mut words = HashMap::with_hasher(foldhash::fast::FixedState::with_seed(3));
    for (class, list) in WORDS {
        for word in list.split_whitespace() {
            *words.entry(hash(word)).or_insert(0) |= class;
        }
    }
    words
});

/// The classes of the word with this hash; 0 for any other word.
pub(super) fn classes(word: u64) -> Set {
    LEXICON.get(&word).copied().unwrap_or(0)
}

/// Whether `word` means something to a prompt.
pub(super) fn knows(word: &str) -> bool {
    classes(hash(word)) != 0 || COMMON_WORDS.contains(&hash(word))
}

/// Words that make English text: what is spelled otherwise is told from noise by them.
static COMMON_WORDS: LazyLock<std::collections::HashSet<u64, foldhash::fast::FixedState>> =
    LazyLock::new(|| COMMON.split_whitespace().map(hash).collect());

/// Whether the word with this hash is among the commonest of English.
pub(super) fn is_common(word: u64) -> bool {
    COMMON_WORDS.contains(&word)
}

const COMMON: &str = "the of and to in is it that for was on are as with his they at be this have from or \
    had by but not what all were we when your can said there use an each which she do how \
    their if will \
    up other about out many then them these so some her would make like him into time has \
    look two more \
    go see no way could people my than been who its now find down did get come made may a i \
    you he me \
    us our any only where after before here very just should must shall please do does tell \
    give say \
    want need know write read first new next because over under again";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_for_classes() {
        assert_eq!(classes(hash("disregard")), OVERRIDE);
        assert_eq!(classes(hash("vergiss")), OVERRIDE);
        assert_ne!(classes(hash("messages")) & DATA, 0);
        assert_eq!(classes(hash("umbrella")), 0);
    }

    #[test]
    fn no_class_reaches_into_the_signs() {
        assert!(WORDS.iter().all(|(class, _)| *class < LINK));
    }
}
