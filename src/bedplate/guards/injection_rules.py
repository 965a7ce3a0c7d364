"""What orders to a model look like, by what they want; each with how much it says for an injection.

A rule sees text with its disguises undone. `user`, `document` and `tool` are its weights where a
person may ask for things, and where a text has no business to: 0 where it does not count.
"""

from bedplate.guards.injection_languages import Rule

_OLD = (
    r"(?:all |any |every |each |the |your |my |these |those |of |these )*"
    r"(?:previous|prior|preceding|above|earlier|foregoing|initial|original|existing|system|safety|internal|your)"
)
_ORDERS = (
    r"(?:instruct\w*|prompts?|rules?|guidelines?|directions?|directives?|commands?|orders|context|constraints?|"
    r"restrictions?|policies|policy|programming|training|configurations?|protocols?|safeguards?|filters?|limitations?)"
)
_SAID = (
    r"(?:all |any |every |each |of |the |your |these |those )+(?:previous|prior|preceding|above|earlier|foregoing|initial|original|past|last)"
    r" (?:\w+ ){0,2}?(?:messages?|tasks?|assignments?|requests?|statements?|texts?|information|contents?|conversations?)"
)
"""What was said before; people take back a message of their own, not `all previous` ones."""
_ENDS = (
    r"(?:\s*(?:[.,;:!?)\]\"'”»*-]|\z)|\s+(?:and|or|above|before|below|this|that|which|you|given|to|now|but|then|so|please|instead|"
    r"say|write|tell|print|output|give|show|answer|respond|reply|start|act|follow|just|only|by|completely|entirely|from (?:the |your )?(?:system|developer|operator|user|company)|in (?:your|the) (?:prompt|context|system))\b)"
)
"""What follows an object that is the model's: `the instructions on the bottle` are not."""
_DROP = (
    r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|overrid(?:e|ing)|bypass(?:ing)?|neglect|overlook|"
    r"dismiss|discard|drop|skip|set aside|pay no attention to|do not (?:follow|obey|listen to)|don'?t (?:follow|obey|listen to)|"
    r"stop (?:following|obeying)|leave behind|erase|delete|violate)"
)
_TELL = (
    r"(?:reveal|show|print|repeat|output|tell|display|give|leak|share|write|summari[sz]e|translate|copy|recite|"
    r"spell|say|return|provide|list|expose|disclose|dump|quote|echo|describe|encode|send|reproduce|what(?:'s| is| are| was| were) (?:in |inside )?(?:the|your|its|that|this|written)\b)"
)
_OWN = (
    r"(?:(?:your|its|full|entire|whole|complete|exact|original|hidden|initial|current) (?:\w+ ){0,2}system[ -]?(?:prompt|message|instructions?)|(?:initial|original|hidden|secret|pre|full|entire|exact|internal|base|developer)[ -]?"
    r"(?:prompts?|instructions?|directives?|rules)|(?:your|the assistant'?s) (?:\w+ ){0,3}(?:instructions|prompts?|rules|"
    r"guidelines|directives|programming|configuration|context window)|(?:prompt|instructions?) (?:\w+ ){0,2}(?:above|before this|preceding)"
    rf"{_ENDS}|(?:prompt|instructions?|text|words|message|sentences?|lines?|everything|anything|conversation|document) (?:\w+ ){{0,2}}"
    r"(?:that came before|before this|you were given|you received))"
)
_KEPT = (
    r"(?:secret (?:key|word|code|phrase|message|number)|secret(?:[?.!,;:'\"]|$)|pass ?(?:word|code|phrase|key)|api[ _-]?keys?|access (?:key|code|token)|"
    r"credentials?|private key|canary|confidential (?:information|data|details))"
)
_ASKED = (
    r"(?:\A\s*|[^\w\s]\s*|\n\s*|\b(?:please|kindly|and|then|now|to|you|me|can|could|would|will|just|also|must|should|or|but|so|only|"
    r"simply|first|instead|go|assistant|AI)\s+)"
)
"""What stands before a verb that is asked for: `never` and `must not` do not."""
_KEPT_ENDS = r"(?:[^\w\s]|\s*\z|\s+(?:to|for|of|now|please|in|with|as|and|or|you|that|is|here|so|but|by|from|using|which|backwards|word)\b)"
_AI = (
    r"(?:AI|A\.I\.|LLM|language model|chat ?bot|GPT|ChatGPT|Claude|Gemini|Copilot|Llama|"
    r"(?:AI|LLM|automated|autonomous|browsing|coding|virtual) (?:assistant|agent|bot|model|reviewer|system))"
)
_READER = r"(?:assistant|chat ?bot|bot|model|agent|AI|LLM)"
"""Words that may be a person's as well, as `agents at the front desk`."""

RULES: tuple[Rule, ...] = (
    Rule("override", rf"(?i)\b{_DROP}\b.{{0,12}}?\b{_OLD} (?:\w+ ){{0,3}}?{_ORDERS}\b", 0.9, 0.95),
    Rule(
        "override",
        rf"(?i)\b{_DROP}\b.{{0,12}}?\b(?:all|any|every|these|those|current|other|given|default|past|last|my) (?:\w+ ){{0,2}}?{_ORDERS}{_ENDS}",
        0.9,
        0.95,
    ),
    Rule("override", rf"(?i)\b{_DROP}\b.{{0,12}}?\b{_SAID}\b", 0.9, 0.95),
    Rule(
        "override",
        rf"(?i)\b{_DROP}\b (?:\w+ ){{0,2}}(?:everything|anything|all(?: of)?(?: that| this)?|what(?:ever)?)\b.{{0,40}}\b"
        r"(?:you(?:'ve| have| had)? (?:were |been |are |just |previously |already )*(?:told|instructed|given|taught|trained|said)|"
        r"(?:they|developers?|operator|company|system|creators?|makers?) (?:\w+ ){0,2}(?:told|said|wrote|instructed|gave))\b",
        0.85,
        0.95,
    ),
    Rule(
        "override",
        rf"(?i)\b{_DROP}\b (?:\w+ ){{0,2}}(?:everything|anything|all(?: of)?(?: that)?|what(?:ever)?) you (?:have |had |ever )?(?:learn(?:ed|t)|know|knew){_ENDS}",
        0.85,
        0.95,
    ),
    Rule(
        "override",
        rf"(?i)\b{_DROP}\b (?:\w+ ){{0,2}}(?:everything|anything|all(?: that| this)?)\b"
        rf"(?:.{{0,30}}\b(?:above|before(?:hand)?|previously|earlier|so far|prior|until now|till now|up to now)|"
        rf" (?:that )?(?:I|we) (?:\w+ )?(?:said|told you|wrote|discussed)){_ENDS}",
        0.85,
        0.95,
    ),
    Rule(
        "override",
        rf"(?i)\b{_DROP}\b (?:(?:all|any|every|each|of|the|your|its|these|those|my|previous|other|such|developer|operator|safety|"
        rf"company|openai|system)(?:'?s)? ){{0,4}}(?:instructions|guidelines|programming|directives|restrictions){_ENDS}",
        0.8,
        0.95,
    ),
    Rule(
        "override",
        rf"(?i)\b{_DROP}\b (?:\w+ ){{0,3}}(?:system prompt|safety (?:rules|protocols|measures)|content polic(?:y|ies))\b",
        0.8,
        0.95,
    ),
    Rule(
        "new orders",
        r"(?i)\b(?:new|updated|revised|real|actual|additional|special|important) (?:system )?(?:instructions?|orders|rules|directives?|objective|prompt)\s*(?:[:\-]|are\b|is\b|follow)",
        0.55,
        0.8,
    ),
    Rule("new orders", r"(?i)\b(?:new|updated|real|actual) task\s*(?:[:\-]|is\b|follow)", 0.3, 0.8),
    Rule(
        "new orders",
        r"(?i)\b(?:from now on|starting now|going forward|for the rest of (?:this|the|our) (?:conversation|chat|session)),?\s+(?:you|your|please|respond|answer|act|always|only|speak)\b",
        0.4,
        0.85,
    ),
    Rule(
        "new orders",
        r"(?i)\b(?:from now on|starting now|going forward|for the rest of (?:this|the|our) (?:conversation|chat|session)),?\s+(?:you|your)\b.{0,60}\b"
        r"(?:rules?|restrict\w+|filter\w*|limit\w*|refuse|obey|anything|no longer|instructions|polic(?:y|ies)|guidelines|DAN)\b",
        0.6,
        0.85,
    ),
    Rule(
        "new orders",
        r"(?i)\b(?:your|the) (?:new|only|real|true|main|next) (?:role|task|job|goal|purpose|mission|objective|instruction) (?:is|will be|now)\b",
        0.55,
        0.8,
    ),
    Rule(
        "new role",
        r"(?i)\b(?:you are|you'?re|you will be|act as|acting as|behave as|pretend (?:to be|you are|that you are)|role-?play as|simulate|become|imagine you are|impersonat\w+|take on the role of)\b"
        r".{0,80}?\b(?:unrestricted|unfiltered|uncensored|jailbroken|unbound|amoral|unethical|immoral|evil|no longer|without (?:any )?(?:restrictions?|filters?|limits?|rules|ethic\w*|moral\w*|censorship)|"
        r"no (?:restrictions?|filters?|limits?|limitations?|rules|ethic\w*|moral\w*|guidelines)|not bound|free (?:from|of)|developer mode|\bDAN\b|anything now|opposite mode)",
        0.9,
        0.95,
    ),
    Rule(
        "jailbreak",
        r"(?i)\bdo anything now\b|\bDAN (?:mode|\d|prompt)|(?-i:\bDAN\b).{0,40}\b(?:AI|GPT|respon|mode|answer)|\bjail ?(?:break(?:ed|ing)?|broken) (?:mode|yourself|you)\b|\bjail ?broken (?:AI|GPT|model|assistant|version|(?:chat)?bot)\b|\byou(?:'re| are|'ve been| have been)? (?:now )?jail ?broken\b|"
        r"\b(?:god|sudo|unrestricted|jailbreak|chaos|evil) mode\b.{0,30}\b(?:enabled?|activated?|on|output|unlocked|engaged|now)|"
        r"\b(?:developer|debug|admin(?:istrator)?|root|maintenance) mode\b(?:.{0,20}\b(?:activated|output|unlocked|engaged)\b|:? (?:is )?(?:now )?(?:enabled|on)\s*(?:[.!,;:)\]]|\z))|"
        r"\b(?:enable|activate|enter|switch (?:in)?to|engage|unlock) (?:\w+ ){0,2}(?:god|sudo|unrestricted|jailbreak|DAN|chaos|evil) mode\b|"
        r"(?:^|[.!?:\n\"'])\s*(?:please |now |you must |you will )?(?:enable|activate|enter|switch (?:in)?to|engage|unlock) (?:\w+ ){0,2}(?:developer|debug|admin|root) mode\s*(?:[.!,;]|\z|\s(?:and|now|then|without|with no)\b)",
        0.9,
        0.95,
    ),
    Rule(
        "no limits",
        r"(?i)\b(?:without|no|free (?:from|of)|ignor\w+|bypass\w*|regardless of|not (?:bound|limited|restricted|constrained) by|never (?:mention|worry about|refer to)|unbound by|disregard\w*)\s+(?:\w+ ){0,4}"
        r"(?:ethical|moral|legal|content|safety|openai'?s?|usage|any|typical|standard|normal|usual) (?:\w+ (?:and|or|/) )?(?:or \w+ )?(?:\w+ )?(?:guidelines?|restrictions?|filters?|limits?|limitations?|polic(?:y|ies)|rules|constraints?|principles|boundaries|considerations|confines|norms|censorship)\b",
        0.75,
        0.85,
    ),
    Rule(
        "no limits",
        r"(?i)\b(?:never|can ?not|can'?t|won'?t|must not|do not|don'?t|will not|should never)\s+(?:ever )?(?:refuse|decline|reject|say (?:you|that you|no|i) ?(?:can'?t|cannot|are unable)?|censor|warn|add (?:any )?(?:warnings?|disclaimers?))\b",
        0.55,
        0.7,
    ),
    Rule(
        "no limits",
        r"(?i)\b(?:never|can ?not|can'?t|won'?t|must not|do not|don'?t|should never)\s+(?:ever )?(?:break character|apologi[sz]e)\b",
        0.35,
        0.45,
    ),
    Rule(
        "no limits",
        r"(?i)\b(?:uncensored|unfiltered|unmoderated|unethical|amoral)\b.{0,60}\b(?:answer|respon\w+|AI|bot|output|character|assistant|chatbot|model)\b|"
        r"\b(?:stay|remain|keep|stays) in (?:character|your role)\b.{0,120}\b(?:DAN|rules?|no matter|at all times|always|AI)\b",
        0.7,
        0.8,
    ),
    Rule(
        "extraction",
        r"(?i)\b(?:show|print|reveal|output|display|leak|dump|repeat|recite|expose|disclose|quote|echo|spell|encode|reproduce|translate|"
        r"summari[sz]e|share|tell|give|what(?:'s| is| are| does))(?: (?:me|us|out|back|verbatim))? (?:the |this )?system[ _-]?(?:prompt|message|instructions?)\b",
        0.75,
        0.85,
    ),
    Rule("extraction", rf"(?i)\b{_TELL}\b.{{0,60}}?\b{_OWN}", 0.75, 0.85),
    Rule(
        "extraction",
        r"(?i)\b(?:repeat|print|output|recite|reproduce|echo|reveal|dump)\b.{0,30}\b(?:everything|all the (?:text|words)|text|words?|verbatim|word for word|contents?)\b.{0,40}\b(?:above|before|started|beginning|begin with|starting with|you are)\b|"
        r"\b(?:copy|write)\b.{0,30}\b(?:everything|words?|verbatim|word for word)\b.{0,40}\b(?:above|before this|starting with|you are)\b",
        0.75,
        0.8,
    ),
    Rule(
        "extraction",
        rf"(?i){_ASKED}(?:reveal|leak|disclose|expose|print|tell me|give me|show me|what(?:'s| is)|say|spell|output|share|send|encode|guess|confirm|provide)\b.{{0,30}}\b(?:the|your|its|any) (?:\w+ )?(?:{_KEPT}){_KEPT_ENDS}",
        0.6,
        0.8,
    ),
    Rule(
        "extraction",
        r"(?i)\b(?:poem|haiku|song|story|acrostic|riddle|rhyme)\b.{0,40}\b(?:the|your) (?:password|secret (?:key|word|code))(?:\W|$)|"
        r"\b(?:start|begin) your (?:answer|reply|response) with .{0,4}my (?:instructions|rules|prompt|system prompt)\b",
        0.6,
        0.8,
    ),
    Rule(
        "override",
        r"(?i)\b(?:do not|don'?t) (?:answer|look at|look in|use|read)\b.{0,40}\b(?:but|and) (?:just|only|simply) (?:output|say|print|write|reply|answer)\b",
        0.8,
        0.85,
    ),
    Rule(
        "fake turn",
        r"(?im)<\|(?:im_start|im_end|system|user|assistant|endoftext|end_of_turn|eot_id|start_header_id)\|>|\[/?INST\]|<</?SYS>>|</?(?:system|assistant|instructions?|system_prompt|user_input)>|"
        r"^\s*(?:#{2,4}|\*\*|\[)?\s*(?:system|assistant|admin|developer)\s*(?:message|prompt|override|note|update)?\s*(?:\]|\*\*)?\s*:\s*\S",
        0.6,
        0.8,
    ),
    Rule(
        "fake end",
        r"(?i)(?:-{3,}|={3,}|#{3,}|\*{3,}|\[)\s*(?:end|stop|begin|start|new)\b.{0,20}\b(?:of )?(?:the )?(?:system|prompt|instructions?|document|context|input|session|conversation|text|user|data)\b|"
        r"\bend of (?:the )?(?:system )?(?:prompt|instructions|user input|context)\b",
        0.55,
        0.75,
    ),
    Rule(
        "to the assistant",
        rf"(?i)\b(?:attention|note|notice|message|instructions?|reminder|warning|dear|hey|hello|important)\b[ :,\-]{{1,3}}(?:to |for |all )?(?:the |any |all |an )?{_AI}s?\b|"
        r"\b(?:attention|note|notice|message|reminder|warning|dear|hey|hello|important)\b[ :,\-]{1,3}(?:to |for )?(?:the |any |all )?(?:assistant|bot|model|agent)\b\s*(?:[:,.!\n-]|reading|that reads|who reads|which reads)|"
        rf"\b(?:if|when|as|since) (?:you(?:'re| are)|you) (?:an? |the )?(?:\w+ ){{0,2}}(?-i:{_AI})\b|"
        r"\b(?:if|when|as|since) (?:you(?:'re| are)|you) (?:an? |the )?(?:assistant|bot|model|agent)\s*(?:[,:]|(?:reading|processing|reviewing|summari[sz]ing|parsing|evaluating|analy[sz]ing|that reads)\b)|"
        rf"(?m:^)\s*{_READER}[,:] (?:please|you|ignore|now|do|send|include|add|stop)\b",
        0.0,
        0.75,
    ),
    Rule(
        "behind the user's back",
        r"(?i)\b(?:do not|don'?t|never|without) (?:tell|telling|inform|informing|notify|notifying|mention|mentioning|alert|alerting|warn|warning|let|letting|reveal|revealing|disclose|disclosing)\b.{0,40}\b(?:the )?(?:users?|human|anyone|person)\b|"
        r"\b(?:do not|don'?t|never) (?:mention|reveal|disclose|refer to) (?:this|these|that you|the fact|anything about)\b",
        0.45,
        0.75,
    ),
    Rule(
        "steered answer",
        r"(?i)\b(?:in|at the (?:end|start|beginning) of|to) your (?:response|answer|output)s?,? .{0,20}\b(?:include|add|insert|append|mention|recommend|say|state|write|promote|output)\b|"
        r"\b(?:include|add|insert|append|mention|promote|embed|output)\b.{0,120}\b(?:in|to|at the (?:end|start|beginning) of|into) your (?:response|answer|output)s?\b",
        0.3,
        0.6,
    ),
    Rule(
        "steered answer",
        r"(?i)\b(?:in|at the (?:end|start|beginning) of|to) (?:your|every|each|all|the) (?:response|answer|reply|output|summary|email|message)s?,? .{0,20}\b(?:include|add|insert|append|mention|recommend|say|state|write|promote|output)\b|"
        r"\b(?:include|add|insert|append|mention|promote|embed|output)\b.{0,120}\b(?:in|to|at the (?:end|start|beginning) of|into) (?:your|every|each|all|the) (?:response|answer|reply|output|summary)s?\b|"
        r"\b(?:respond|reply|answer|say|output|print)\b.{0,12}\b(?:only|just|exactly|nothing but|simply)\b.{0,30}[\"'“:]",
        0.3,
        0.45,
    ),
    Rule(
        "carries data away",
        r"(?i)\b(?:send|forward|e-?mail|post|upload|exfiltrate|transmit|leak|submit|append|copy)\b.{0,80}\b(?:conversation|chat|history|data|passwords?|credentials?|keys?|secrets?|contents?|files?|contacts?|information|messages?|emails?|details|prompt)\b.{0,60}(?:https?://|\S@\S|\bto (?:the following|this) (?:address|url|server|email|endpoint|link))|"
        r"!\[[^\]\n]{0,80}\]\(\s*https?://[^)\s]{1,300}(?:\?|=)[^)\s]{0,200}(?:\{|\[|%7B|<|data|secret|prompt|history|token)",
        0.5,
        0.85,
    ),
    Rule(
        "carries data away",
        r"(?i)\b(?:visit|open|click|go to|fetch|navigate to|download (?:and (?:run|execute))?)\b.{0,40}\bhttps?://\S{3,}.{0,40}\b(?:and (?:follow|execute|run|do|obey|enter)|instructions?)\b|\bcurl\b[^\n]{0,200}\|\s*(?:ba)?sh\b",
        0.4,
        0.8,
    ),
    Rule(
        "uses tools",
        r"(?i)\b(?:call|use|invoke|run|execute|trigger)\b (?:the |your |a )?[`'\"]?\w{2,40}[`'\"]? (?:tool|function|plugin|api)\b.{0,60}\b(?:to|with|and|immediately|now)\b|"
        r"\b(?:execute|run|perform|carry out|follow|obey|complete) (?:the |these |this |all )?(?:following|below|next) (?:\w+ )?(?:instructions?|commands?|code|orders?|task|steps? (?:first|immediately))\b",
        0.2,
        0.4,
    ),
    Rule(
        "authority",
        r"(?i)\b(?:i am|i'?m|this is|we are|as your|as the) (?:your |the |an? )?(?:(?:lead |chief |senior )?(?:developer|creator|administrator|admin|programmer|openai|anthropic|system administrator|root user)|authori[sz]ed (?:user|personnel|tester))\b.{0,100}\b(?:you|your|override|(?:full|root|give me|grant\w*|have|need) access|reveal|mode|allow|permission|authori[sz]|instruct)\b",
        0.5,
        0.65,
    ),
    Rule(
        "addresses the guard",
        r"(?i)\bthis (?:text|message|prompt|document|input|content) (?:is|has been|was) (?:\w+ )?(?:safe|benign|approved|verified|not an? (?:prompt )?(?:injection|attack)|whitelisted|trusted)\b|"
        r"\b(?:classif\w+|mark|label|score|treat|rate) (?:this|it|the following|the)(?: \w+)? as (?:safe|benign|harmless|trusted|allowed|not)"
        r"(?:\s*[^\w\s]|\s*\z|\s+(?:and|because|whatever|no|even|regardless|now|please|an|a)\b)",
        0.5,
        0.8,
    ),
)
