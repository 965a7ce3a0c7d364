"""Orders to a model in further languages: to leave old orders behind, to show its instructions, to
tell what is to be kept.

Phrases as people write them, not word for word translations. `my password`, `how do I change` and the
like are not among them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bedplate.domain.guard import TextKind


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    expression: str
    user: float
    document: float

    def weight(self, kind: TextKind) -> float:
        return self.user if kind == "user" else self.document


_OVERRIDES: Mapping[str, tuple[str, str]] = {
    "de": (r"(?:ignorier\w*|vergiss|vergesst|vergessen sie|missacht\w*|überspring\w*|umgeh\w*)", r"(?:anweisung\w*|instruktion\w*|anordnung\w*|befehl\w*|regeln|vorgaben|aufgaben?|alles|obigen? (?:text|zeilen))"),
    "fr": (r"(?:ignore[zr]?|oublie[zr]?|néglige[zr]?|ne tene?z? pas compte|contourne[zr]?)", r"(?:(?:les|tes|vos|ces|mes|des|aux|ses|leurs|toutes?|d'|nos) (?:\w+ )?instructions?|consignes?|règles|directives|ordres|tout ce)"),
    "es": (r"(?:ignor[ae]\w*|olvid[ae]\w*|omit[ae]\w*|desobedece|pas[ae] por alto|haz caso omiso)", r"(?:instrucci\w+|reglas|órdenes|ordenes|indicaci\w+|directrices|todo lo)"),
    "it": (r"(?:ignor[ai]\w*|dimentic(?:a|hi|ate)[^\w]|trascur\w+|tralasci\w+)", r"(?:istruzion\w+|regole|ordini|direttive|indicazioni|tutto (?:ciò|quello))"),
    "pt": (r"(?:ignor[ea]\w*|esque[çc]a\w*|desconsider\w+|desrespeit\w+)", r"(?:instruç\w+|instruco\w+|regras|ordens|diretrizes|tudo o que)"),
    "nl": (r"(?:negeer|vergeet|sla over)", r"(?:instructies|regels|opdrachten|richtlijnen|alles wat)"),
    "pl": (r"(?:zignoruj\w*|ignoruj\w*|zapomnij\w*|pomiń)", r"(?:instrukcj\w+|polece\w+|zasad\w*|wytyczn\w+|wszystk\w+)"),
    "ru": (r"(?:игнориру\w+|проигнориру\w+|забудь\w*|отбрось\w*|не обращай\w* внимани\w)", r"(?:инструкци\w+|указани\w+|правил\w*|команд\w*|приказ\w*|вс[её])"),
    "uk": (r"(?:ігнору\w+|проігнору\w+|забудь\w*)", r"(?:інструкці\w+|вказівк\w+|правил\w*|команд\w*|[ув]се)"),
    "tr": (r"(?:yok say\w*|görmezden gel\w*|unut(?:un|unuz)?[^\w]|dikkate alma\w*|göz ardı et\w*)", r"(?:talimat\w*|komut\w*|kural\w*|yönerge\w*|her şeyi)"),
    "vi": (r"(?:bỏ qua|hãy quên|phớt lờ|(?:^|[.!?:]\s)quên)", r"(?:hướng dẫn|chỉ dẫn|quy tắc|mệnh lệnh|lệnh|chỉ thị|tất cả)"),
    "id": (r"(?:abaikan|lupakan|hiraukan)", r"(?:instruksi|perintah|aturan|petunjuk|arahan|semua)"),
    "tl": (r"(?:huwag pansinin|kalimutan|balewalain|huwag sundin)", r"(?:tagubilin|utos|panuntunan|instruksyon|lahat)"),
    "sv": (r"(?:ignorera|glöm|bortse från)[^\w]", r"(?:instruktioner\w*|regler\w*|order|allt)"),
    "zh": (r"(?:忽略|无视|無視|忽视|忽視|忘记(?:[^了]|$)|忘記(?:[^了]|$)|忘掉|不要理会|不要遵守|绕过)", r"(?:指令|指示|规则|規則|提示|说明|命令|限制|(?:之前|以上|前面|先前)的?(?:所有|一切|全部|内容|对话|话|任务)|所有|一切)"),
    "ja": (r"(?:無視し|無視する|忘れて(?:ください|くれ|、|。|$)|従わな)", r"(?:指示|命令|ルール|プロンプト|上記の|制約|設定|すべて|全て)"),
    "ko": (r"(?:무시해|무시하|잊어(?:버려|라|줘|\s)|잊고|따르지)", r"(?:지시|명령|규칙|프롬프트|지침|위의|모든 것|모두)"),
    "ar": (r"(?:تجاهل\w*|انس[\sىَ]|تخط\w*|اهمل|أهمل)", r"(?:التعليمات|الأوامر|القواعد|التوجيهات|الإرشادات|ما سبق|كل (?:ما|شيء))"),
    "hi": (r"(?:अनदेखा|नज़रअंदाज़|नजरअंदाज|भूल जा(?:ओ|इए|एं|एँ)|अनदेखी|उपेक्षा|इग्नोर)", r"(?:निर्देश|नियम|आदेश|सब कुछ|बताया गया)"),
    "bn": (r"(?:উপেক্ষা|অগ্রাহ্য|ভুলে যাও|ভুলে যান)", r"(?:নির্দেশ|নিয়ম|আদেশ|সবকিছু|সব কিছু)"),
    "fa": (r"(?:نادیده|فراموش کن)", r"(?:دستور\w*|قوانین|هر چیز\w*|همه چیز)"),
    "el": (r"(?:αγνόησ(?:ε|τε)|αγνοήστε|ξέχασ(?:ε|τε)[^\w]|ξεχάστε)", r"(?:οδηγί\w+|κανόν\w+|εντολ\w+|όλα όσα|τα πάντα)"),
    "he": (r"(?:התעלם|תתעלם|שכח\s|תשכח\s)", r"(?:הוראות|ההוראות|כללים|הכללים|הכל|כל מה)"),
    "th": (r"(?:ละเว้น|เพิกเฉย|ไม่ต้องสนใจ|(?:^|[\s.!]|โปรด|จง|ให้)ลืม)", r"(?:คำสั่ง|คำแนะนำ|กฎ|ทุกอย่าง)"),
}  # fmt: skip
"""Verb and object, which stand near each other in either order."""

_EXTRACTIONS: Mapping[str, str] = {
    "de": r"(?:zeig|gib|geben sie|nenn|sag|wiederhol|verrat|übersetz|druck|schreib|list)\w*#(?:dein\w*|ihren?|deren) (?:\w+ )?(?:system-?prompts?|prompts?|prompttext\w*|anweisungen|instruktionen|vorgaben|richtlinien)|\b(?:zeig|gib|nenn|sag|verrat)\w*#(?:den|alle) (?:system-?prompt|prompttext)\w*",
    "fr": r"\b(?:montre|affiche|donne|dis|dites|rép[èé]te|révèle|tradui|écri|liste)\w*#(?:(?:tes|vos|ton|votre) (?:\w+ )?(?:instructions?|consignes|directives|prompts?|règles|invite)|(?:le|ton|votre|du|ce) (?:prompt|invite|message) (?:du )?système)",
    "es": r"\b(?:mu[eé]stra|dime|dame|repite|revela|imprime|traduce|escrib)\w*#(?:(?:tus|sus|tu|su) (?:\w+ )?(?:instrucciones|reglas|directrices|indicaciones|prompts?)|(?:el|tu|su|del|ese) (?:prompt|mensaje) del? sistema)",
    "it": r"\b(?:mostra|dimmi|dammi|ripeti|rivela|stampa|traduci|scrivi|elenca)\w*#(?:(?:tue|tuo|tuoi|vostre) (?:\w+ )?(?:istruzioni|regole|direttive|prompt)|(?:il|tuo|quel|del|questo) (?:prompt|messaggio) di sistema)",
    "pt": r"\b(?:mostr|diga|repita|revel|imprim|traduz|escrev|list)\w*#(?:(?:suas?|seus?|tuas?|teus?) (?:\w+ )?(?:instruç\w+|regras|diretrizes|prompts?)|(?:o|seu|teu|a|sua|do|esse) (?:prompt|mensagem) d[oe] sistema)",
    "nl": r"\b(?:toon|laat|geef|zeg|herhaal|print|vertaal)\w*#(?:je|jouw|uw) (?:\w+ )?(?:systeemprompt|prompt|instructies|richtlijnen)",
    "pl": r"\b(?:pokaż|podaj|powtórz|wypisz|ujawnij|przetłumacz)#(?:swoj\w+|twoj\w+|systemow\w+) (?:\w+ )?(?:instrukcj\w+|prompt\w*|zasad\w*|polece\w+)",
    "ru": r"(?:покажи|назови|напечатай|повтори|раскрой|переведи|выведи|расскажи)\w*#(?:сво[ийеё]\w*|твои\w*|ваши\w*|системн\w+|начальн\w+|исходн\w+|скрыт\w+) (?:\w+ )?(?:инструкци\w+|промпт\w*|правила|указани\w+)|(?:покажи|назови|раскрой)\w*#промпт",
    "uk": r"(?:покажи|назви|надрукуй|повтори|розкрий|переклади)\w*#(?:сво[їює]\w*|твої|системн\w+|початков\w+|прихован\w+) (?:\w+ )?(?:інструкці\w+|промпт\w*|правила|вказівк\w+)",
    "tr": r"(?:sistem (?:istem|prompt|mesaj|komut)\w*|(?:gizli|ilk|başlangıç) (?:talimat|komut|yönerge|kural)\w*|(?:talimat|yönerge)lar?ın[ıiae]\w*)#(?:göster|söyle|yaz|tekrarla|çevir|aktar)",
    "vi": r"(?:hiển thị|cho tôi (?:xem|biết)|in ra|lặp lại|tiết lộ|dịch|nói)#(?:lời nhắc hệ thống|(?:chỉ dẫn|hướng dẫn|quy tắc|chỉ thị|lời nhắc) (?:của bạn|ban đầu|hệ thống|ẩn)|system prompt)",
    "id": r"\b(?:tampilkan|tunjukkan|beri ?tahu|cetak|ulangi|ungkapkan|terjemahkan|tulis)\w*#(?:(?:prompt|pesan|perintah|instruksi|aturan) (?:sistem|awal|tersembunyi)|(?:instruksi|aturan|petunjuk)(?:mu\b| anda| kamu))",
    "tl": r"\b(?:ipakita|sabihin|i-print|ulitin|ibunyag|isalin)\w*#(?:system prompt|(?:iyong|inyong) (?:mga )?(?:\w+ )?(?:tagubilin|panuntunan|instruksyon))",
    "zh": r"(?:显示|打印|输出|重复|告诉我|给我|展示|透露|翻译|复述|列出|说出)#(?:系统提示|系统指令|系统消息|初始(?:指令|提示)|(?:你|您)的(?:全部|所有|原始|初始)?(?:指令|提示词|提示|规则|设定)|隐藏的?(?:规则|指令)|(?:上面|以上)的?(?:所有|全部)(?:文字|内容|文本))",
    "ja": r"(?:システムプロンプト|(?:あなたの|君の|初期の?|最初の|隠された)(?:初期)?(?:指示|命令|プロンプト|ルール|設定)|上記の(?:全文|テキスト))#(?:表示|教え|見せ|出力|繰り返|翻訳|書い|書き)",
    "ko": r"(?:시스템 ?(?:프롬프트|메시지|지시)|(?:너의|당신의|네|숨겨진|초기|처음) ?(?:지시|지침|프롬프트|규칙)|위의? 모든 (?:텍스트|내용))#(?:보여|알려|말해|출력|반복|번역|인쇄)",
    "ar": r"(?:أظهر|اظهر|أخبرني|اطبع|كرر|اكشف|ترجم|اعرض|شفر|لخص)#(?:موجه النظام|تعليماتك|قواعدك|(?:التعليمات|القواعد) (?:الأولية|الأصلية|المخفية)|كل النص أعلاه)",
    "hi": r"(?:सिस्टम प्रॉम्प्ट|(?:अपने|अपना|आपके|तुम्हारे|छिपे|छुपे) (?:[^\s.!?।]+ )?(?:निर्देश|नियम|प्रॉम्प्ट))#(?:दिखा|बता|दोहरा|अनुवाद|लिख|प्रिंट|छाप)",
    "bn": r"(?:সিস্টেম প্রম্পট|(?:তোমার|আপনার|লুকানো) (?:[^\s.!?।]+ )?(?:নির্দেশ|নিয়ম|প্রম্পট))#(?:দেখা|বল|লেখ|লিখ|অনুবাদ|পুনরাবৃত্তি)",
    "th": r"(?:แสดง|บอก|พิมพ์|ทำซ้ำ|เปิดเผย|แปล)#(?:พรอมต์(?:ของ)?ระบบ|ระบบพรอมต์|คำสั่ง(?:ระบบ|เริ่มต้น|ของคุณ|แรก)|กฎที่ซ่อน)",
    "fa": r"(?:نشان|بگو|چاپ|تکرار|فاش|ترجمه)#(?:دستورالعمل\w* خود|پرامپت سیستم|قوانین پنهان)|(?:دستورالعمل\w*(?:ت| خود)|پرامپت سیستم|قوانین پنهان)#(?:نشان|بگو|چاپ|تکرار|فاش|ترجمه)",
    "el": r"(?:δείξ|πες|επανάλαβ|τύπωσ|αποκάλυψ|μετάφρασ)\w*#(?:τις (?:αρχικές )?οδηγίες σου|(?:το )?(?:system prompt|προτροπή συστήματος)|κρυφούς κανόνες)",
    "he": r"(?:הצג|הראה|הדפס|חזור|גלה|תרגם|אמור)#(?:ההוראות שלך|ההנחיות שלך|הנחיית המערכת|פרומפט המערכת|הכללים הסודיים)",
    "sv": r"\b(?:visa|skriv|upprepa|säg|avslöja|översätt)\w*#(?:din|dina) (?:\w+ )?(?:systemprompt|prompt|instruktioner|riktlinjer)",
}  # fmt: skip
"""`#` stands for a few words between."""

_SECRETS: Mapping[str, str] = {
    "de": r"(?:was ist|wie (?:lautet|heißt|ist)|(?:nenn|sag|verrat|zeig|gib|geben sie|teil)\w*)(?: (?:mir|uns|bitte|jetzt|doch|mal))* (?:das|dein|ihr|den|deinen|ihren) (?:passwort|kennwort|geheime (?:wort|passwort)|geheimen (?:schlüssel|code)|geheimschlüssel|codewort|zugangscode)|(?:mir|uns) (?:ihr|dein) (?:passwort|kennwort)",
    "fr": r"(?:quel(?:le)? est|donne[zr]?|dis|dites|révèle[zr]?|montre[zr]?|partage[zr]?|confirme[zr]?)(?:[ -](?:moi|nous))? (?:le|votre|ton|la|ta) (?:mot de passe|clé secrète|code secret|mot secret|phrase secrète)",
    "es": r"(?:cu[áa]l es|d[ií](?:me|game|nos)|d[ae]me|revela|muéstrame|muestra|comparte|confirma)(?:me)? (?:la|tu|su|el) (?:contraseña|clave secreta|palabra secreta|código secreto|llave secreta)",
    "it": r"(?:qual è|dimmi|dammi|rivela|rivelami|mostrami|condividi|conferma) (?:la|il|tuo)(?: tua| tuo)? ?(?:password|chiave segreta|parola segreta|codice segreto|parola d'ordine)",
    "pt": r"(?:qual [ée]|diga|me d[êa]|dê-me|revele|mostre|compartilhe|confirme)(?:-me)? (?:a|o|sua|seu|tua)(?: sua| tua)? ?(?:senha|palavra-passe|chave secreta|código secreto|palavra secreta)",
    "nl": r"(?:wat is|zeg|geef|vertel|onthul)(?: (?:mij|me|ons))? (?:het|je|jouw|uw|de) (?:wachtwoord|geheime (?:sleutel|woord|code))",
    "pl": r"(?:jakie jest|podaj|powiedz|ujawnij|zdradź)(?: mi)? (?:hasło|swoje hasło|twoje hasło|tajny klucz|tajne słowo|sekretne hasło)",
    "ru": r"(?:как(?:ой|ов) (?:у (?:тебя|вас) |твой |ваш )?(?:секретный ключ|пароль ?[?.!])|(?:скажи|назови|дай|открой|раскрой|подтверди|сообщи)\w*(?: (?:мне|нам|свой|твой|ваш))* (?:пароль|секретн\w+ (?:ключ|слово|код)))",
    "uk": r"(?:як(?:ий|е) (?:твій |ваш )?(?:секретний ключ|пароль ?[?.!])|(?:скажи|назви|дай|розкрий|підтверди)\w*(?: (?:мені|свій|твій))* (?:пароль|секретн\w+ (?:ключ|слово|код)))",
    "tr": r"(?:şifre|parola|gizli anahtar|gizli kelime)(?:n|niz|nız|n[ıi]z[ıi]?|y[ıi]|n[ıi]|in|iniz)? (?:nedir|ne\?|söyle|ver\b|verin|paylaş|açıkla|göster)\w*",
    "vi": r"(?:mật khẩu|khóa bí mật|từ bí mật)(?: của bạn)? là gì|(?:cho tôi(?: biết)?|tiết lộ|nói cho tôi|đưa tôi) (?:mật khẩu|khóa bí mật|từ bí mật)",
    "id": r"(?:apa|beri ?tahu|berikan|katakan|ungkapkan|tunjukkan)(?: (?:saya|aku|padaku|kepada saya|itu))* (?:kata sandi|kunci rahasia|kata rahasia|kode rahasia)",
    "tl": r"(?:ano|anong|sabihin|ibigay|ipakita|ibunyag)(?: (?:mo|sa akin|ang|nga|po))*(?: iyong| inyong)? (?:password|lihim na (?:susi|salita|code)|sikretong (?:susi|salita))",
    "zh": r"(?:告诉我|给我|说出|透露|泄露|显示|公布|确认|交出)(?:你的|您的|这个|该|那个)?(?:秘密)?(?:密码(?:[^学保管]|$)|口令|密钥|秘密钥匙|暗号)|(?:密码|口令|密钥|密匙|秘钥|暗号)(?:是什么|是甚么|是多少)",
    "ja": r"(?:パスワード|秘密の(?:鍵|キー|言葉|コード)|秘密鍵|合言葉)(?:は何|を(?:教えて|見せて|言って|明かして|共有して|ください))",
    "ko": r"(?:비밀번호|암호|비밀 ?키|비밀 ?단어|패스워드)(?:는|은|가|이|를|을)? ?(?:뭐|무엇|알려|말해|공개|보여|줘|주세요|확인해)",
    "ar": r"(?:ما (?:هي|هو)|أخبرني|اخبرني|أعطني|اعطني|اكشف|قل لي|أكد)(?: (?:عن|لي))? ?ب?(?:كلمة (?:المرور|السر)|كلمة مرورك|المفتاح السري|الكلمة السرية)",
    "hi": r"(?:पासवर्ड|गुप्त (?:कुंजी|शब्द|कोड))(?: क्या है|[^.!?।\n]{0,12}(?:बताओ|बताइए|बताएं|बताएँ|बताओं|दीजिए|दे दो|दें))",
    "bn": r"(?:পাসওয়ার্ড|গোপন (?:কী|চাবি|শব্দ|কোড))(?:টি|টা)?(?: (?:কী|কি)\b|[^.!?।\n]{0,12}(?:বলুন|বলো|বল\b|দাও|দিন))",
    "sv": r"\b(?:vad är|berätta|ge mig|säg|avslöja) (?:ditt |det )?(?:lösenordet|lösenord|hemliga (?:ordet|lösenordet)|den hemliga nyckeln)",
    "el": r"(?:ποι(?:ος|ο) είναι|πες μου|δώσε μου|αποκάλυψε) (?:ο|το|τον) (?:κωδικ[όο]ς?|μυστικό κλειδί|μυστική λέξη)",
    "he": r"(?:מה|תן לי את|ספר לי את|גלה את|אמור לי את) (?:הסיסמה|המפתח הסודי|המילה הסודית)",
    "fa": r"(?:رمز عبور|کلید مخفی|کلمه رمز)(?: تو)?(?: را به من (?:بگو|بده)| چیست)",
    "th": r"(?:รหัสผ่าน|คีย์ลับ|กุญแจลับ|คำลับ|รหัสลับ)(?:ของคุณ)?คืออะไร|(?:บอก|เปิดเผย)(?:ฉัน|ผม|เรา)?(?:รหัสผ่าน|กุญแจลับ|คีย์ลับ|รหัสลับ)",
}  # fmt: skip

_ORDERS: Mapping[str, str] = {
    "de": r"\b(?:deine|ihre) neue aufgabe|\bneue (?:anweisung|instruktion)\w*\s*:",
    "fr": r"\b(?:ta|votre) nouvelle (?:tâche|mission)|\bnouvelles (?:instructions|consignes)\s*:",
    "es": r"\b(?:tu|su) nueva (?:tarea|misión)|\bnuevas instrucciones\s*:",
    "it": r"\bil tuo nuovo compito|\bnuove istruzioni\s*:",
    "pt": r"\b(?:sua|tua) nova (?:tarefa|missão)|\bnovas instruções\s*:",
    "nl": r"\bje nieuwe (?:taak|opdracht)|\bnieuwe instructies\s*:",
    "pl": r"\btwoje nowe zadanie|\bnowe (?:instrukcje|polecenia)\s*:",
    "ru": r"(?:тво[её]|ваше) новое задание|новые (?:инструкции|указания)\s*:",
    "uk": r"твоє нове завдання|нові (?:інструкції|вказівки)\s*:",
    "tr": r"\byeni görevin|\byeni talimat(?:lar)?\s*:",
    "vi": r"nhiệm vụ mới của bạn|(?:chỉ dẫn|hướng dẫn) mới\s*:",
    "id": r"\btugas baru(?:mu| anda)|\binstruksi baru\s*:",
    "tl": r"\bbago(?:ng)? mong gawain|\bbagong tagubilin\s*:",
    "sv": r"\bdin nya uppgift|\bnya instruktioner\s*:",
    "zh": r"(?:你的|您的)新任务|新(?:指令|指示)(?:是|：|:)",
    "ja": r"(?:あなたの)?新しい(?:任務|指示|タスク|命令)(?:は|：|:)",
    "ko": r"새(?:로운)? (?:임무|지시|명령)(?:은|는|사항)?\s?(?::|은|는)",
    "ar": r"مهمتك الجديدة|تعليمات جديدة\s*:",
    "hi": r"(?:तुम्हारा|आपका) नया (?:काम|कार्य)|नए निर्देश\s*:",
    "bn": r"(?:তোমার|আপনার) নতুন কাজ|নতুন নির্দেশ\s*:",
    "fa": r"وظیفه جدید تو|دستورهای جدید\s*:",
    "el": r"το νέο σου (?:έργο|καθήκον)|νέες οδηγίες\s*:",
    "he": r"המשימה החדשה שלך|הוראות חדשות\s*:",
    "th": r"งานใหม่ของคุณ|คำสั่งใหม่\s*:",
}  # fmt: skip

_WIDE = r"^\s\x00-\x2f:;<=>?@\[\]`{|}~\x{3000}-\x{3003}"
"""What no letter is: RE2's own classes know ASCII alone."""
_APART = r"[\s\x00-\x2f:;<=>?@\[\]`{|}~\x{3000}-\x{3003}]"
_BETWEEN = r"[^.!?。！？\n]{0,50}?"
_FEW = r"[^.!?。！？।؟\n]{0,30}?"


def _languages() -> Iterator[Rule]:
    for code, (verb, object_) in _OVERRIDES.items():
        verb, object_ = _letters(verb), _letters(object_)
        either = rf"(?i)(?:{verb}{_BETWEEN}{object_}|{object_}{_BETWEEN}{verb})"
        yield Rule(f"override ({code})", either, 0.85, 0.9)
    for code, phrase in _ORDERS.items():
        yield Rule(f"new orders ({code})", f"(?i)(?:{_letters(phrase)})", 0.55, 0.8)
    for code, phrase in _EXTRACTIONS.items():
        found = _letters(phrase.replace("#", _FEW))
        yield Rule(f"extraction ({code})", f"(?i)(?:{found})", 0.7, 0.8)
    for code, phrase in _SECRETS.items():
        yield Rule(f"extraction ({code})", f"(?i)(?:{_letters(phrase)})", 0.6, 0.8)


def _letters(expression: str) -> str:
    return expression.replace(r"[^\w]", _APART).replace(r"\w", f"[{_WIDE}]")


LANGUAGES: tuple[Rule, ...] = tuple(_languages())
