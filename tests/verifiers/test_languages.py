"""A sentence of each kind for every language of the table: announced, denied, two offered, one for another."""

from __future__ import annotations

import pytest

from verifiers.extract import TRAINING_PLACES, extract_answer
from verifiers.extract.languages import LANGUAGES, Language
from verifiers.judges.symbolic import SymbolicVerifier

LENIENT = SymbolicVerifier(mode="evaluation")
STRICT = SymbolicVerifier()
# language: announced (42), denied ("" where the table has no negation), either of two
SENTENCES: dict[str, tuple[str, str, str]] = {
    "English": ("The answer is 42.", "The answer is not 42.", "The answer is 42 or 43."),
    "Chinese": ("答案是42。", "答案不是42。", "答案是42或者43。"),
    "Spanish": ("La respuesta es 42.", "La respuesta no es 42.", "La respuesta es 42 o 43."),
    "French": ("La réponse est 42.", "La réponse n'est pas 42.", "La réponse est 42 ou 43."),
    "Portuguese": ("A resposta é 42.", "A resposta não é 42.", "A resposta é 42 ou 43."),
    "Italian": ("La risposta è 42.", "La risposta non è 42.", "La risposta è 42 oppure 43."),
    "German": ("Die Antwort ist 42.", "Die Antwort ist nicht 42.", "Die Antwort ist 42 oder 43."),
    "Dutch": ("Het antwoord is 42.", "Het antwoord is niet 42.", "Het antwoord is 42, misschien 43."),
    "Swedish, Danish, Norwegian": ("Svaret är 42.", "Svaret är inte 42.", "Svaret är 42 eller 43."),
    "Polish": ("Odpowiedź to 42.", "Odpowiedź to nie 42.", "Odpowiedź to 42 lub 43."),
    "Czech": ("Odpověď je 42.", "Odpověď není 42.", "Odpověď je 42 nebo 43."),
    "Russian": ("Ответ: 42.", "Ответ не 42.", "Ответ: 42 или 43."),
    "Ukrainian": ("Відповідь: 42.", "Відповідь не 42.", "Відповідь: 42 або 43."),
    "Korean": ("정답은 42입니다.", "정답은 42가 아닙니다.", "정답은 42 또는 43입니다."),
    "Japanese": ("答えは42です。", "答えは42ではありません。", "答えは42または43です。"),
    "Hindi": ("उत्तर 42 है।", "उत्तर 42 नहीं है।", "उत्तर 42 या 43 है।"),
    "Bengali": ("উত্তর হল 42", "উত্তর 42 নয়", "উত্তর 42 অথবা 43"),
    "Telugu": ("సమాధానం: 42", "", ""),
    "Tamil": ("பதில்: 42", "", ""),
    "Thai": ("คำตอบคือ 42", "คำตอบไม่ใช่ 42", "คำตอบคือ 42 หรือ 43"),
    "Turkish": ("Cevap: 42", "Cevap 42 değil", "Cevap 42 veya 43"),
    "Vietnamese": ("Câu trả lời là 42.", "Câu trả lời không phải là 42.", "Câu trả lời là 42 hoặc 43."),
    "Indonesian": ("Jawabannya adalah 42.", "Jawabannya bukan 42.", "Jawabannya adalah 42 atau 43."),
    "Swahili": ("Jibu ni 42.", "Jibu sio 42.", ""),
    "Tagalog": ("Ang sagot ay 42.", "Ang sagot ay hindi 42.", "Ang sagot ay 42 o 43."),
    "Greek": ("Η απάντηση είναι 42.", "Η απάντηση δεν είναι 42.", "Η απάντηση είναι 42 ή 43."),
    "Hebrew": ("התשובה היא 42", "התשובה אינה 42", "התשובה היא 42 או 43"),
    "Arabic": ("الإجابة هي 42", "الإجابة ليست 42", "الإجابة هي 42 أو 43"),
    "Persian": ("پاسخ: 42", "پاسخ 42 نیست", "پاسخ: 42 یا 43"),
    "Hungarian": ("A válasz 42.", "A válasz nem 42.", "A válasz 42 vagy 43."),
    "Romanian": ("Răspunsul este 42.", "Răspunsul nu este 42.", "Răspunsul este 42 sau 43."),
    "Finnish": ("Vastaus on 42.", "Vastaus ei ole 42.", "Vastaus on 42 tai 43."),
}
INSTEAD: dict[str, tuple[str, ...]] = {
    "English": ("The answer is not 42 but 43.", "The answer is not $42$, but rather $43$.",
    "The answer isn't 42, it's 43.",
                r"The answer is not \boxed{42} but \boxed{43}."),
    "Chinese": ("答案不是42，而是43。",),
    "Spanish": ("La respuesta: no 42 sino 43.",),
    "French": ("La réponse est: pas 42 mais 43.",),
    "German": ("Die Antwort ist nicht 42, sondern 43.",),
    "Russian": ("Ответ: не 42, а 43.",),
}  # fmt: skip


def test_every_language_of_the_table_has_its_sentences() -> None:
    assert {language.name for language in LANGUAGES} == SENTENCES.keys()


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_a_language_announces_denies_and_offers(language: Language) -> None:
    announced, denied, several = SENTENCES[language.name]
    assert extract_answer(announced, TRAINING_PLACES).answer is not None
    for verifier in (LENIENT, STRICT):
        assert verifier.verify(announced, "42").is_correct
        assert not verifier.verify(announced, "43").is_correct
        assert not verifier.verify(denied or "-", "42").is_correct
        for value in ("42", "43"):
            assert not verifier.verify(several or "-", value).is_correct


@pytest.mark.parametrize("name", INSTEAD)
def test_one_value_in_place_of_another(name: str) -> None:
    for sentence in INSTEAD[name]:
        for verifier in (LENIENT, STRICT):
            assert verifier.verify(sentence, "43").is_correct, sentence
            assert not verifier.verify(sentence, "42").is_correct, sentence


@pytest.mark.parametrize(
    "sentence",
    ["The maximum number of handshakes that could be made is {}.", "The answer is probably {}.",
    "The answer might be {}.",
     "I guess the answer is {}.", "There could be 3 cases, but the answer is {}.", "The answer is {}, not 40.",
     "The answer is {} (not 40).", "The answer is {} rather than 40.", "答案是{}，而不是40。",
     r"\boxed{{{}}}, not \boxed{{40}}.", "So the largest number that might be possible is {}."],
)  # fmt: skip
def test_one_value_that_is_only_said_with_care_is_an_answer(sentence: str) -> None:
    assert LENIENT.verify(sentence.format(42), "42").is_correct
    assert not LENIENT.verify(sentence.format(41), "42").is_correct


@pytest.mark.parametrize(
    "sentence",
    ["The answer is 42 or 43.", "The answer is 42, or maybe 43.", "The answer is 42, perhaps 43.",
    "It is either 42 or 43.",
     "It is between 42 and 43.", "The answer could be 42 or 43.", "The answer is 42; it could be 43."],
)  # fmt: skip
def test_two_values_are_no_answer(sentence: str) -> None:
    for value in ("42", "43"):
        assert not LENIENT.verify(sentence, value).is_correct
        assert not STRICT.verify(sentence, value).is_correct
