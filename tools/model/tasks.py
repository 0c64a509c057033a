"""Short exercises for chat turns: facts, arithmetic, one-line instructions, fields into JSON.

Each returns (question, answer, key). The key names what must not be seen in training when it is held out: a fact with a
phrasing, a pair of numbers, a combination of values."""

import json

from words import *


def facts():
    """Every fact with every phrasing: (question, answer)."""
    rows = []

    def add(answer, *questions):
        rows.extend((q, answer) for q in (*questions, f"Please answer: {questions[0]}"))

    for pair in OPPOSITES:
        for a, b in (pair, pair[::-1]):
            add(f"The opposite of {a} is {b}.", f"What is the opposite of {a}?", f"Tell me the opposite of {a}.", f"Which word is the opposite of {a}?")
    for a, sound in SOUNDS:
        add(f"{an(a).capitalize()} says {sound}.", f"What does {an(a)} say?", f"What sound does {an(a)} make?", f"Which sound do you hear from {an(a)}?")
    for thing, colour in THING_COLOURS:
        add(f"{thing[0].upper()}{thing[1:]} is {colour}.", f"What colour is {thing}?", f"Tell me the colour of {thing}.", f"Which colour does {thing} have?")
    for a, young in BABIES:
        add(f"A baby {a} is called a {young}.", f"What is a baby {a} called?", f"What do we call a baby {a}?", f"Tell me the name of a baby {a}.")
    for a, n in LEGS:
        add(f"{an(a).capitalize()} has {n} legs.", f"How many legs does {an(a)} have?", f"Tell me how many legs {an(a)} has.", f"What number of legs does {an(a)} have?")
    for country, city in CAPITALS:
        add(f"The capital of {country} is {city}.", f"What is the capital of {country}?", f"Which city is the capital of {country}?", f"Tell me the capital of {country}.")
    for names, unit in ((DAYS, "day"), (MONTHS, "month")):
        for i, d in enumerate(names):
            after, before = names[(i + 1) % len(names)], names[i - 1]
            add(f"{after} comes after {d}.", f"What {unit} comes after {d}?", f"Which {unit} follows {d}?", f"Tell me the {unit} after {d}.")
            add(f"{before} comes before {d}.", f"What {unit} comes before {d}?", f"Which {unit} is just before {d}?", f"Tell me the {unit} before {d}.")
    for i in range(1, 12):
        add(f"{NUMBERS[i + 1].capitalize()} comes after {NUMBERS[i]}.", f"What number comes after {NUMBERS[i]}?", f"Which number follows {NUMBERS[i]}?",
            f"Tell me the number after {NUMBERS[i]}.")
    return rows


FACTS = facts()
TALK = [(q, a) for a, questions in {
    "I am a small language model that ships with Edge.Llm.": ["Who are you?", "What are you?", "Tell me about yourself.", "What is your name?"],
    "I can tell short stories, answer simple questions, add small numbers and turn a sentence into JSON.": [
        "What can you do?", "How can you help me?", "What are you good at?", "Help"],
    "Hello! How can I help you?": ["Hello", "Hi", "Hello!", "Hi!", "Hi there!", "Hey", "Good morning!"],
    "I am fine, thank you.": ["How are you?", "How are you today?"],
    "You are welcome!": ["Thank you!", "Thanks!", "Thank you", "Thanks", "Thanks a lot!"],
    "Goodbye!": ["Goodbye", "Goodbye!", "Bye", "Bye!", "See you later!"]}.items() for q in questions]


def fact(r):
    q, a = r.choice(FACTS)
    return q, a, q


def talk(r):
    """Greetings and the model's own name: never held out, since nothing else tells them."""
    q, a = r.choice(TALK)
    return q, a, None


def arithmetic(r):
    """A sum or difference below 100. A second number of two digits is taken tens first, `17 + 25 = 37 + 5 = 42`: each digit then depends
    on two or three others, which a small network can learn."""
    if r.random() < 0.3:
        a, b, minus = r.randint(0, 9), r.randint(0, 9), r.random() < 0.5
    else:
        a, b, minus = r.randint(10, 99), r.choice([r.randint(1, 9), r.randint(10, 89)]), r.random() < 0.5
    if minus:
        a, b = max(a, b), min(a, b)
    elif a + b > 99:
        a, b = a // 2, b // 2
    sign, word, total = ("-", "minus", a - b) if minus else ("+", "plus", a + b)
    tens = b // 10 * 10
    steps = [f"{a} {sign} {b}", f"{a - tens if minus else a + tens} {sign} {b - tens}", str(total)]
    if tens == 0 or tens == b:
        del steps[1]
    q = r.choice([f"What is {a} {sign} {b}?", f"{a} {sign} {b} =", f"How much is {a} {word} {b}?"])
    return q, " = ".join(steps), f"{a}{sign}{b}" if a > 9 else q


def instruction(r):
    noun = lambda: r.choice(OBJECTS + ANIMALS)
    some = lambda n: r.sample(OBJECTS + ANIMALS + FOODS + COLOURS, n)
    kind = r.randrange(8)
    if kind == 0:
        text = f"the {r.choice(TRAITS)} {noun()} is {PLACES[p := r.choice(list(PLACES))]} the {p}"
        q, a = f"Repeat this: {text}", text
    elif kind == 1:
        words = some(r.choice([2, 3, 3]))
        q, a = f"Reverse this list: {', '.join(words)}", ", ".join(words[::-1])
    elif kind == 2:
        words = some(1)
        q, a = f"Write this word in capital letters: {words[0]}", words[0].upper()
    elif kind == 3:
        words = some(r.randint(2, 6))
        q, a = f"How many words are in this list? {', '.join(words)}", str(len(words))
    elif kind == 4:
        words = some(r.randint(2, 4))
        q, a = f"What is the first word of this list? {', '.join(words)}", words[0]
    elif kind == 5:
        words = some(r.randint(2, 4))
        q, a = f"What is the last word of this list? {', '.join(words)}", words[-1]
    elif kind == 6:
        x, y = r.sample(range(1, 99), 2)
        q, a = f"Which number is bigger, {x} or {y}?", str(max(x, y))
    else:
        n, word = r.randint(2, 4), noun()
        q, a = f"Write the word {word} {NUMBERS[n]} times.", " ".join([word] * n)
    return q, a, q


def copy(r):
    """Words in no order, to be said again: what teaches a network early to look back and copy."""
    words = [r.choice(r.choice((GIRLS, BOYS, OBJECTS, ANIMALS, FOODS, COLOURS, CITIES, TRAITS, JOBS, BUILDS, STUFF, list(PLACES)))) for _ in range(r.randint(2, 9))]
    text = r.choice([" ", ", "]).join(words)
    return f"Repeat this: {text}", text, text


def lookup(r):
    """A few sentences about several children, and a question about one of them."""
    names = r.sample(GIRLS + BOYS, r.randint(1, 3))
    kind = r.randrange(4)
    if kind == 0:
        facts = [(f"{n} has {(v := an(r.choice(COLOURS) + ' ' + r.choice(OBJECTS)))}.", f"What does {n} have?", f"{n} has {v}.") for n in names]
    elif kind == 1:
        facts = [(f"{n} is {(v := PLACES[p := r.choice(list(PLACES))] + ' the ' + p)}.", f"Where is {n}?", f"{n} is {v}.") for n in names]
    elif kind == 2:
        facts = [(f"{n} likes the {(v := r.choice(ANIMALS))}.", f"Who likes the {v}?", f"{n} likes the {v}.") for n in names]
    else:
        facts = [(f"{n} lives in {(v := r.choice(CITIES))}.", f"Where does {n} live?", f"{n} lives in {v}.") for n in names]
    if kind == 2 and len({f[1] for f in facts}) < len(facts):
        return lookup(r)
    _, question, answer = r.choice(facts)
    text = " ".join(f[0] for f in facts)
    return f"{text} {question}", answer, text


def extraction(r):
    """A sentence and the fields it holds; the question names the fields."""
    name, other = r.sample(GIRLS + BOYS, 2)
    kind = r.randrange(5)
    if kind == 0:
        v = {"name": name, "age": r.randint(5, 90), "city": r.choice(CITIES)}
        s = r.choice(["{name} is {age} years old and lives in {city}.", "{name} lives in {city} and is {age} years old.",
                      "My friend {name} from {city} is {age} years old."])
    elif kind == 1:
        v = {"name": name, "item": r.choice(OBJECTS), "price": r.randint(2, 99)}
        s = r.choice(["{name} bought a {item} for {price} dollars.", "{name} paid {price} dollars for a {item}.", "For {price} dollars, {name} got a {item}."])
    elif kind == 2:
        v = {"name": name, "job": r.choice(JOBS), "city": r.choice(CITIES)}
        s = r.choice(["{name} works as a {job} in {city}.", "In {city}, {name} is a {job}.", "{name} is a {job} who lives in {city}."])
    elif kind == 3:
        v = {"event": r.choice(EVENTS), "day": r.choice(DAYS), "city": r.choice(CITIES)}
        s = r.choice(["The {event} is on {day} in {city}.", "There is a {event} in {city} on {day}.", "On {day} we go to {city} for a {event}."])
    else:
        v = {"item": r.choice(FOODS + OBJECTS), "count": r.randint(2, 99), "colour": r.choice(COLOURS)}
        s = r.choice(["We need {count} items of the kind {item} in {colour}.", "Please order the {colour} {item}, {count} of them.",
                      "The box holds {count} of the {colour} {item}."])
    fields = list(v)
    q = f"Extract {fields[0]}, {fields[1]} and {fields[2]} as JSON: " + s.format(**v).replace(" a apple", " an apple").replace(" a umbrella", " an umbrella")
    return q, json.dumps(v), json.dumps(v)
