"""How each language announces an answer, denies one, offers several, concludes, and opens the next problem.

One row a language; the tests hold one sentence of each kind to every row. Words are in lower case, as regular
expressions where endings vary, and are matched in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """The words of one language."""

    name: str
    answers: tuple[str, ...]  # nouns that announce an answer
    qualifiers: tuple[str, ...] = ()  # words that may stand behind the noun: `respuesta final`
    copulas: tuple[str, ...] = ()  # words between the noun and the answer; a colon always does
    needs_copula: bool = False  # whether the noun alone announces nothing
    finals: tuple[str, ...] = ()  # phrases that mark an answer as the last word of a response
    negations: tuple[str, ...] = ()  # words that deny the value behind them
    alternatives: tuple[str, ...] = ()  # words between two values that are both offered
    doubts: tuple[str, ...] = ()  # words before a second value that is offered as well
    instead: tuple[str, ...] = ()  # "not 42 but 43": the words for `but`
    options: tuple[str, ...] = ()  # words that announce an option letter, before a copula
    conclusions: tuple[str, ...] = ()  # words that begin a concluding sentence
    questions: tuple[str, ...] = ()  # words that open another problem, as `Question:` does
    retractions: tuple[str, ...] = ()  # words at the beginning of a sentence that take back what was said before
    spaced: bool = True  # whether words are set apart by spaces


def _language(name: str, *, needs_copula: bool = False, spaced: bool = True, **words: str) -> Language:
    """A row of the table; a semicolon sets words of a column apart."""
    columns = {column: tuple(said.split("; ")) for column, said in words.items()}
    return Language(name, needs_copula=needs_copula, spaced=spaced, **columns)


ENGLISH = _language(
    "English", answers="answers?; ans; solution; result", copulas="is; are; was; be", needs_copula=True,
    finals="final answer", negations=r"not; no; but; \w+n['’]t; cannot; never; neither; nor; wrong; incorrect; "
    "no longer; rather than; instead of; except; unlikely; false; a trap; a decoy; a mistake; a red herring",
    alternatives="or; either", doubts="maybe; perhaps; possibly; probably; might be; could be",
    instead="but(?: rather| actually| instead)?(?: is)?; rather; instead(?: it is)?; it is; it['’]s",
    options="(?:correct|right|best|final|my|our|chosen|selected) (?:answer )?"
    "(?:option|choice|letter|alternative|answer)s?",
    conclusions="so; thus; hence; therefore; then; consequently; in conclusion; finally; we conclude that",
    questions="question; q; problem; task; exercise",
    retractions=r"no,? wait; wait; hold on; on second thoughts?; on reflection; correction; scratch that; oops; "
    r"actually,? (?:no|wait|that|this|i); (?:i|we) (?:must|need to|should|have to) (?:redo|correct|revise); "
    r"(?:i|we)(?: have)? ma[dk]e (?:a|an) (?:\w+ )?(?:mistake|error); (?:i|we) take (?:that|it) back; "
    "let (?:me|us) (?:redo|correct|fix)",
)  # fmt: skip
LANGUAGES: tuple[Language, ...] = (
    ENGLISH,
    _language("Chinese", answers="答案(?:应该|应当)?; 结果(?:应该|应当)?; 答(?:应该|应当)?; "
        "正确(?:的)?(?:命题|说法|结论|判断)(?:的?序号|的?编号)?", copulas="是; 为; 為; 等于; 等於; 就是",
        needs_copula=True, finals="最终答案; 最後答案; 最终结果", negations="不是; 错误; 不对; 没有; 並非; 并非",
        alternatives="或者; 或; 还是", instead="而是; 是", options="所以选; 故选; 应选; 选项?; 选择",
        conclusions="综上所述; 综上; 所以; 因此; 故; 于是; 从而; 可得; 解得; 即",
        questions="问题; 問題; 题目; 例题; 问; 題目", retractions="等等; 不对; 更正; 等一下; 我算错了", spaced=False),
    _language("Spanish", answers="respuesta", qualifiers="final; correcta", copulas="es; son", needs_copula=True,
        finals="respuesta final", negations="no", alternatives=r"o(?=\s+\W{0,3}\d)", doubts="quizás; tal vez",
        instead="sino(?: que es)?", options="opción; letra; alternativa",
        conclusions="por lo tanto; por tanto; así que; entonces; luego", questions="pregunta; problema; ejercicio"),
    _language("French", answers="réponse; reponse", qualifiers="finale; correcte", copulas="est; sont",
        needs_copula=True, finals="réponse finale", negations="ne; n['’](?:est|a|y); pas; non", alternatives="ou",
        doubts="peut-être", instead="mais(?: plutôt)?(?: est)?", options="option; lettre; bonne option",
        conclusions="donc; ainsi; par conséquent; alors; d['’]où; finalement", questions="problème; exercice"),
    _language("Portuguese", answers="resposta", qualifiers="final; correta; correcta", copulas="é", needs_copula=True,
        finals="resposta final", negations="não; nao", alternatives="ou", doubts="talvez",
        instead="mas(?: sim)?; e sim", options="opção; letra; alternativa", conclusions="portanto; logo; então; assim",
        questions="pergunta; questão; exercício"),
    _language("Italian", answers="risposta", qualifiers="finale; corretta", copulas="è; é", needs_copula=True,
        finals="risposta finale", negations="non(?!-)", alternatives=r"oppure; o(?=\s+\W{0,3}\d)", doubts="forse",
        instead="ma; bensì", options="opzione; lettera; alternativa", conclusions="quindi; dunque; pertanto; perciò",
        questions="domanda; esercizio"),
    _language("German", answers="antwort; lösung; ergebnis", qualifiers="richtige", copulas="lautet; ist",
        needs_copula=True, finals="endgültige antwort; endergebnis", negations="nicht; keine?", alternatives="oder",
        doubts="vielleicht", instead="sondern", options="richtige option; option; buchstabe",
        conclusions="also; somit; daher; folglich; damit", questions="frage; aufgabe"),
    _language("Dutch", answers="antwoord", copulas="is", finals="eindantwoord", negations="niet; geen",
        doubts="misschien", instead="maar", conclusions="dus; daarom", questions="vraag; opgave"),
    _language("Swedish, Danish, Norwegian", answers="svar(?:et)?", copulas="är; er", needs_copula=True,
        finals="slutgiltigt svar; endelig(?:t)? svar", negations="inte; ikke; ej", alternatives="eller",
        doubts="kanske; måske", instead="utan; men", conclusions="alltså; altså; därför; derfor",
        questions="fråga; spørgsmål; spørsmål; oppgave"),
    _language("Polish", answers="odpowiedź", copulas="to; jest", needs_copula=True, finals="ostateczna odpowiedź",
        negations="nie", alternatives="lub; albo", instead="lecz; ale", conclusions="zatem; więc; stąd",
        questions="pytanie; zadanie"),
    _language("Czech", answers="odpověď", copulas="je", negations="není; neni; ne", alternatives="nebo",
        instead="ale; nýbrž", conclusions="tedy; proto", questions="otázka; úloha"),
    _language("Russian", answers="ответ", copulas="—; -; –; это", finals="окончательный ответ", negations="не; нет",
        alternatives="или", doubts="возможно", instead="а", options="вариант; буква",
        conclusions="следовательно; значит; таким образом; итак; поэтому", questions="вопрос; задача"),
    _language("Ukrainian", answers="відповідь", copulas="—; -; –; це", negations="не; ні", alternatives="або",
        instead="а", conclusions="отже; таким чином", questions="питання; завдання"),
    _language("Korean", answers="정답; 답", copulas="은; 는", needs_copula=True, finals="최종 ?답",
        negations="아닙니다; 아니", alternatives="또는; 혹은", instead="라; 고", conclusions="따라서; 그러므로",
        questions="문제; 질문", spaced=False),
    _language("Japanese", answers="答え; 正解", copulas="は", finals="最終的な答え; 最終解答",
        negations="ではありません; ではない; でない; じゃない", alternatives="または; あるいは", instead="ではなく",
        conclusions="したがって; よって; ゆえに", questions="問題; 質問; 問", spaced=False),
    _language("Hindi", answers="उत्तर", copulas="है", negations="नहीं", alternatives="या", conclusions="इसलिए; अतः",
        questions="प्रश्न", spaced=False),
    _language("Bengali", answers="উত্তর", copulas="হলো; হল", negations="নয়", alternatives="অথবা",
        conclusions="সুতরাং", questions="প্রশ্ন", spaced=False),
    _language("Telugu", answers="పరిష్కారం; సమాధానం", questions="ప్రశ్న", spaced=False),
    _language("Tamil", answers="பதில்; விடை", questions="கேள்வி", spaced=False),
    _language("Thai", answers="คำตอบ(?:ที่ถูกต้อง)?", copulas="คือ", needs_copula=True, negations="ไม่",
        alternatives="หรือ", conclusions="ดังนั้น", questions="คำถาม; โจทย์", spaced=False),
    _language("Turkish", answers="cevap; yanıt; seçenek", negations="değil", alternatives="veya; ya da",
        conclusions="dolayısıyla; öyleyse", questions="soru; problem"),
    _language("Vietnamese", answers="đáp án(?: đúng)?; đáp số; câu trả lời", copulas="là", negations="không",
        alternatives="hoặc", instead="mà là", conclusions="vậy; do đó", questions="câu hỏi; bài toán"),
    _language("Indonesian", answers="jawaban(?:nya)?", qualifiers="yang benar; akhir", copulas="adalah",
        needs_copula=True, negations="bukan; tidak", alternatives="atau", instead="melainkan; tetapi",
        conclusions="jadi; maka", questions="pertanyaan; soal"),
    _language("Swahili", answers="jibu", copulas="ni", negations="sio; siyo", questions="swali"),
    _language("Tagalog", answers="sagot", copulas="ay", negations="hindi", alternatives=r"o(?=\s+\W{0,3}\d)",
        questions="tanong"),
    _language("Greek", answers="απάντηση", copulas="είναι", negations="δεν; όχι", alternatives="ή", instead="αλλά",
        conclusions="άρα; συνεπώς", questions="ερώτηση; πρόβλημα"),
    _language("Hebrew", answers="תשובה; התשובה", copulas="היא; הוא", negations="לא; אינו; אינה", alternatives="או",
        instead="אלא", conclusions="לכן", questions="שאלה"),
    _language("Arabic", answers="الجواب; الإجابة", qualifiers="الصحيحة; الصحيح", copulas="هو; هي",
        negations="ليس; ليست; لا", alternatives="أو", instead="بل", conclusions="لذلك; إذن", questions="السؤال; سؤال"),
    _language("Persian", answers="پاسخ", negations="نیست", alternatives="یا", conclusions="بنابراین",
        questions="پرسش; سوال"),
    _language("Hungarian", answers="válasz", negations="nem", alternatives="vagy", instead="hanem",
        conclusions="tehát", questions="kérdés; feladat"),
    _language("Romanian", answers="răspuns(?:ul)?", copulas="este", negations="nu", alternatives="sau", instead="ci",
        conclusions="deci; prin urmare", questions="întrebare; problemă"),
    _language("Finnish", answers="vastaus", copulas="on", negations="ei", alternatives="tai", instead="vaan",
        conclusions="siis; joten", questions="kysymys; tehtävä"),
)  # fmt: skip
OTHERS = LANGUAGES[1:]
_LITERAL = re.compile(r"(?:[^\\(\[?*+.|](?![?*]))*")  # what a pattern begins with, whatever follows


def any_of(words: Iterable[str]) -> str:
    """A pattern of one of the words, no part of a longer one in scripts that set words apart; the longest first."""
    by_edges: dict[tuple[str, str], list[str]] = {}
    for word in sorted(words, key=len, reverse=True):
        by_edges.setdefault(_edges(word), []).append(word)
    return "|".join(f"{start}(?:{'|'.join(same)}){end}" for (start, end), same in by_edges.items())


def _edges(word: str) -> tuple[str, str]:
    """What must hold before and behind a word for it to be no part of a longer one."""
    if word[0] >= "\u3000" or "\u0e00" <= word[0] <= "\u0e7f":
        return "", ""  # Chinese, Japanese, Korean and Thai set no words apart
    if "\u0590" <= word[0] <= "\u0dff":  # Hebrew, Arabic, India
        return r"(?<!\S)", r"(?!\S)"  # vowel signs are no letters to `re`, so a word ends at a space
    return r"(?<!\w)", r"(?!\w)"


def column(name: str) -> str:
    """A pattern of the words of that column in every language."""
    return f"(?:{any_of({word for row in LANGUAGES for word in getattr(row, name)})})"


def announcing(language: Language, nouns: tuple[str, ...], *, needs_copula: bool) -> str:
    """A pattern of one of `nouns` with the qualifiers and copula of the language behind it."""
    start, end = (r"(?<!\w)", r"(?!\w)") if language.spaced else ("", "")
    named, qualifiers, copulas, conclusions = (
        f"(?:{'|'.join(sorted(words, key=len, reverse=True))})"
        for words in (nouns, language.qualifiers, language.copulas, language.conclusions)
    )
    behind = rf"(?:\s+{qualifiers})*" if language.qualifiers else ""
    so = rf"(?:\s+{conclusions}{end})?" if language.conclusions else ""  # is dus 250
    said = rf"{copulas}{end}{so}(?:\s*[:：])?|" if language.copulas else ""
    return rf"{start}{named}{end}{behind}\s*(?:{said}[:：]){'' if needs_copula else '?'}"


def stems(nouns: tuple[str, ...]) -> tuple[str, ...]:
    """Texts of which one begins whatever `nouns` match: looked for first, as plain text."""
    groups = [(re.match(r"\(\?:([^()]*)\)", word), word) for word in nouns]
    return tuple(
        stem for group, word in groups for stem in (group[1].split("|") if group else _LITERAL.findall(word)[:1])
    )
