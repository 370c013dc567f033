"""Who speaks in the demo, what they say, and how each emotion sounds.

The directions are those that listeners' studies agree on (Juslin & Laukka 2003, "Communication of emotions in vocal
expression and music performance", Psychol. Bull. 129, 770-814): anger is fast, loud and sharp, high and variable in
pitch; happiness is fast and high with the widest pitch range, and less loud; distress (their sadness and fear) is soft
and dull, and here slow and high on one tone. The sizes are ours: this is a planted answer, not a model of people.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Manner:
    """How an emotion sounds.

    `rate_wpm` is in words a minute; `pitch_shift` (from the speaker's own) and `range_` are on espeak's scale of 0 to
    99; `treble_db` lifts what lies above 1 kHz, as vocal effort does, and `gain_db` everything.
    """

    rate_wpm: float
    pitch_shift: float
    range_: float
    treble_db: float
    gain_db: float


MANNERS = {
    "neutral": Manner(rate_wpm=165, pitch_shift=0, range_=40, treble_db=0.0, gain_db=0.0),
    "happy": Manner(rate_wpm=185, pitch_shift=22, range_=95, treble_db=2.0, gain_db=4.0),
    "angry": Manner(rate_wpm=215, pitch_shift=10, range_=75, treble_db=7.0, gain_db=9.0),
    "distressed": Manner(rate_wpm=125, pitch_shift=18, range_=10, treble_db=-7.0, gain_db=-8.0),
}


@dataclass(frozen=True)
class Speaker:
    """A voice: language and variant of espeak-ng, and the pitch (0 to 99) it speaks at when nothing moves it."""

    name: str
    voice: str
    pitch: float


CORPUS_SPEAKERS = (
    Speaker("speaker-01", "en-us+f1", 45),
    Speaker("speaker-02", "en+f2", 50),
    Speaker("speaker-03", "en-us+f3", 35),
    Speaker("speaker-04", "en-gb-scotland+f5", 40),
    Speaker("speaker-05", "en-us+Annie", 40),
    Speaker("speaker-06", "en+m1", 55),
    Speaker("speaker-07", "en-us+m3", 45),
    Speaker("speaker-08", "en-gb-x-rp+m5", 50),
    Speaker("speaker-09", "en-us-nyc+m7", 40),
    Speaker("speaker-10", "en-029+m6", 60),
)

CUSTOMERS = (
    Speaker("customer-01", "en+belinda", 40),
    Speaker("customer-02", "en-us+steph", 50),
    Speaker("customer-03", "en-gb-x-rp+shelby", 55),
    Speaker("customer-04", "en-us+linda", 35),
    Speaker("customer-05", "en+edward", 50),
    Speaker("customer-06", "en-us+Michael", 45),
    Speaker("customer-07", "en-gb-scotland+john", 50),
    Speaker("customer-08", "en-us+travis", 55),
)
"""None of them is in the corpus: the model has to recognise emotions in new voices."""

AGENTS = (
    Speaker("agent-01", "en-us+Alicia", 30),
    Speaker("agent-02", "en+pablo", 50),
    Speaker("agent-03", "en-us+aunty", 50),
    Speaker("agent-04", "en+Reed", 45),
)

CORPUS_SENTENCES = (
    "I am calling about the letter that came this morning.",
    "The parcel was left next door on Tuesday afternoon.",
    "You told me that somebody would ring me back before noon.",
    "My number has not changed since I opened the account.",
    "There are two charges on the bill for the same month.",
    "I have the order in front of me, it ends in four seven two.",
    "We moved to the new address at the end of September.",
    "The engineer said he would be here between nine and eleven.",
)
"""Said in every emotion alike, as in acted corpora: the words carry no emotion."""

CUSTOMER_SENTENCES = {
    "neutral": (
        "I would like to check when my next payment is due.",
        "The reference on the invoice is eight one five three.",
        "Yes, the postcode is the same as on the contract.",
        "I can give you the date, it was the third of March.",
        "All right, let me write that number down.",
        "It is the smaller of the two boxes, the one for the hall.",
    ),
    "happy": (
        "Oh that is wonderful, it arrived a whole day early!",
        "Thank you so much, you have really made my day.",
        "Brilliant, that is exactly what I was hoping for.",
        "My daughter loves it, she has not put it down since.",
        "That was so easy, I wish every company did it like this.",
        "Perfect, then we can use it at the party on Saturday!",
    ),
    "angry": (
        "This is the fourth time I have called about this!",
        "No, I have explained that already, twice!",
        "You have taken the money and I have received nothing!",
        "I want to speak to your manager, right now!",
        "Do not put me on hold again, I have had enough!",
        "That is simply not good enough, and you know it!",
    ),
    "distressed": (
        "I do not know what to do any more, I really do not.",
        "My mother is ill, and she cannot be without the phone.",
        "I cannot pay all of that, it is more than I have.",
        "Please, there must be somebody who can help me.",
        "I have been awake all night because of that letter.",
        "They said the power would be cut off tomorrow.",
    ),
}

AGENT_SENTENCES = (
    "Thank you for calling, how can I help you today?",
    "May I have your customer number, please?",
    "Let me look at that for you, it will only take a moment.",
    "I can see the order here on my screen.",
    "I am sorry about that, let me see what I can do.",
    "I have made a note of it in your account.",
    "You will get an email from us within the hour.",
    "Is there anything else that I can do for you?",
)
