"""Short children's stories from a grammar: a cast, a plot, and for each sentence a few ways to say it.

`story(rng, keep)` returns a Story: its text, and the questions that its text answers. `keep(name, place, thing)` decides which
combinations may be used, which is how the held-out stories stay out of the training text."""

from dataclasses import dataclass, field

from words import *


@dataclass
class Cast:
    name: str
    girl: bool
    friend: str
    place: str
    thing: str
    colour: str

    def __post_init__(self):
        self.child = "girl" if self.girl else "boy"
        self.he, self.his, self.him = ("she", "her", "her") if self.girl else ("he", "his", "him")
        self.He, self.His = self.he.capitalize(), self.his.capitalize()
        self.at = f"{PLACES[self.place]} the {self.place}"


@dataclass
class Story:
    text: str
    cast: Cast
    request: str
    questions: list = field(default_factory=list)


def lost(r, c):
    o, spot, wrong = c.thing, *r.sample(SPOTS, 2)
    return [f"{c.He} had {an(c.colour)} {o}.", r.choice([f"{c.He} took the {o} everywhere.", f"{c.He} loved the {o} very much."]),
            f"One day, {c.name} went to the {c.place}.", f"But then the {o} was gone!", f"{c.name} looked behind the {wrong}, but it was not there.",
            f"{c.He} was very sad.", f"{c.His} friend {c.friend} came to help.", f"They looked under the {spot}, and there was the {o}!",
            f'"Thank you, {c.friend}!" said {c.name}.', r.choice([f"{c.name} was happy again.", f"{c.name} felt happy and went home."])], [
        (f"What did {c.name} lose?", f"{c.name} lost the {o}."), (f"Where was the {o}?", f"The {o} was under the {spot}."),
        (f"What colour was the {o}?", f"The {o} was {c.colour}."), (f"Who helped {c.name}?", f"{c.friend} helped {c.name}.")]


def found(r, c):
    o = c.thing
    return [f"One {r.choice(['morning', 'day'])}, {c.name} went to the {c.place}.", f"{c.name} found {an(c.colour)} {o} on the ground.",
            f'"Whose {o} is this?" asked {c.name}.', f"Then {c.he} saw {c.friend}.", f"{c.friend} was crying.",
            f'"I lost my {o}," said {c.friend}.', f"{c.name} gave the {o} back to {c.friend}.",
            f'{c.friend} smiled and said, "Thank you, {c.name}!"',
            r.choice(["They played together all day.", f"After that, {c.name} and {c.friend} were good friends."])], [
        (f"What did {c.name} find?", f"{c.name} found {an(c.colour)} {o}."), (f"Who lost the {o}?", f"{c.friend} lost the {o}."),
        (f"What colour was the {o}?", f"The {o} was {c.colour}.")]


def animal(r, c):
    a, need, food = c.thing, r.choice(["hungry", "cold", "tired", "thirsty"]), r.choice(FOODS)
    help_ = {"hungry": f"gave the {a} {an(food)}", "cold": f"put a warm coat on the {a}", "tired": f"made a soft bed for the {a}",
             "thirsty": f"gave the {a} some water"}[need]
    return [f"One day, {c.name} was walking {c.at}.", f"{c.He} saw {an(c.colour)} {a}.", f"The {a} was very {need}.",
            f'"Poor {a}," said {c.name}. "I will help you."', f"{c.name} {help_}.", f"The {a} felt much better.",
            f"It followed {c.name} home.", r.choice([f"From that day on, {c.name} and the {a} were best friends.",
                                                    f"{c.name} was happy to have a new friend."])], [
        (f"What did {c.name} see?", f"{c.name} saw {an(c.colour)} {a}."), (f"What was wrong with the {a}?", f"The {a} was {need}."),
        (f"What colour was the {a}?", f"The {a} was {c.colour}.")]


def share(r, c):
    f = c.thing
    return [f"One day, {c.name} went to the {c.place} with {an(f)}.", f"{c.He} sat under a tree and was ready to eat.",
            f"Then {c.friend} came by.", f'"I am so hungry," said {c.friend}.', f"{c.name} looked at the {f}.",
            r.choice([f"It was {c.his} favourite food.", f"{c.He} wanted to eat it all."]), f"But {c.name} was kind.",
            f"{c.He} gave half of the {f} to {c.friend}.", f'"Thank you, {c.name}," said {c.friend}.',
            r.choice([f"They ate the {f} together and laughed.", "It is good to share with a friend."])], [
        (f"What did {c.name} have?", f"{c.name} had {an(f)}."), (f"Who was hungry?", f"{c.friend} was hungry."),
        (f"What did {c.name} share?", f"{c.name} shared the {f}.")]


def learn(r, c):
    s, times = c.thing, r.choice(["two", "three", "four", "five"])
    return [f"{c.name} wanted to learn to {s}.", f"Every day, {c.he} went to the {c.place} to try.", f"But it was too hard.",
            f'"I will never {s}," said {c.name}.', f"{c.His} friend {c.friend} heard this.",
            f'"Do not give up," said {c.friend}. "I will help you."', f"They tried for {times} days.",
            f"At last, {c.name} could {s}!", r.choice([f"{c.name} was very proud.", f"{c.name} jumped for joy."]),
            f'"You did it!" said {c.friend}.'], [
        (f"What did {c.name} want to learn?", f"{c.name} wanted to learn to {s}."), (f"Who helped {c.name}?", f"{c.friend} helped {c.name}."),
        (f"How many days did they try?", f"They tried for {times} days.")]


def rain(r, c):
    o, spot = c.thing, r.choice(SPOTS)
    return [f"One sunny day, {c.name} played {c.at} with {an(c.colour)} {o}.", f"{c.His} friend {c.friend} played too.",
            r.choice(["Then the sky became dark.", "Then big clouds came."]), "It began to rain!", f'"Quick, hide under the {spot}!" said {c.friend}.',
            f"They hid under the {spot} and waited.", f"The {o} got wet, but {c.name} did not mind.", "Soon the rain stopped.",
            "They saw a big rainbow in the sky.", r.choice([f'"How pretty!" said {c.name}.', f"{c.name} and {c.friend} danced for joy."])], [
        (f"Who played with {c.name}?", f"{c.friend} played with {c.name}."), (f"Where did they hide?", f"They hid under the {spot}."),
        (f"What colour was the {o}?", f"The {o} was {c.colour}.")]


def build(r, c):
    b, stuff = c.thing, r.choice(STUFF)
    return [f"One day, {c.name} and {c.his} friend {c.friend} were {c.at}.", f'"Let us build {an(b)}," said {c.name}.',
            f"They made the {b} out of {stuff}.", r.choice(["Then a strong wind came.", "Then it began to rain."]), f"The {b} fell down!",
            f"{c.friend} was sad, but {c.name} was not.", f'"We can build it again," said {c.name}.',
            f"They worked hard until the sun went down.", f"The new {b} was big and strong.",
            r.choice([f"{c.name} and {c.friend} were very proud.", "What a good day it was!"])], [
        (f"What did they build?", f"They built {an(b)}."), (f"What was the {b} made of?", f"The {b} was made of {stuff}."),
        (f"Who was sad?", f"{c.friend} was sad.")]


def gift(r, c):
    o, who = c.thing, r.choice(["mother", "father", "grandmother", "grandfather"])
    return [f"It was the birthday of {c.his} {who}.", f"{c.name} wanted to find a gift.", f"{c.He} walked to the {c.place}.",
            f"There {c.he} met {c.friend}.", f'"What are you looking for?" asked {c.friend}.', f'"A gift for my {who}," said {c.name}.',
            f"{c.friend} showed {c.him} {an(c.colour)} {o}.", f'"It is perfect!" said {c.name}.', f"{c.name} took the {o} home.",
            r.choice([f"{c.His} {who} was very happy.", f'{c.His} {who} said, "I love it!"'])], [
        (f"Who was the gift for?", f"The gift was for {c.his} {who}."), (f"What was the gift?", f"The gift was {an(c.colour)} {o}."),
        (f"Who did {c.name} meet?", f"{c.name} met {c.friend}.")]


def noise(r, c):
    a, spot = c.thing, r.choice(SPOTS)
    return [f"One night, {c.name} was {c.at}.", f"{c.He} heard a strange noise behind the {spot}.", f"{c.name} was afraid.",
            f'"Who is there?" asked {c.name}.', f"{c.His} friend {c.friend} came with a lamp.", f"They looked behind the {spot}.",
            f"It was only {an(c.colour)} {a}!", f'"You are not scary at all," said {c.name}.',
            r.choice([f"{c.name} and {c.friend} laughed and laughed.", f"Then {c.name} was not afraid any more."])], [
        (f"What made the noise?", f"{an(c.colour).capitalize()} {a} made the noise."), (f"Where was the {a}?", f"The {a} was behind the {spot}."),
        (f"Who came with a lamp?", f"{c.friend} came with a lamp.")]


def race(r, c):
    prize = c.thing
    return [f"One day, there was a race {c.at}.", f"The prize was {an(c.colour)} {prize}.", f"{c.name} and {c.friend} ran very fast.",
            f"Then {c.friend} fell down and hurt {r.choice(['a knee', 'a foot', 'a hand'])}.", f"{c.name} stopped to help.",
            f'"But you will not win," said {c.friend}.', f'"A friend is better than a prize," said {c.name}.',
            f"They walked to the end together.", f"Everyone cheered, and {c.name} got the {prize}.",
            r.choice([f"{c.name} was glad to have a friend like {c.friend}.", f"{c.name} and {c.friend} went home hand in hand."])], [
        (f"What was the prize?", f"The prize was {an(c.colour)} {prize}."), (f"Who fell down?", f"{c.friend} fell down."),
        (f"Who stopped to help?", f"{c.name} stopped to help.")]


# plot -> what its thing may be, and how a request for such a story names it
PLOTS = [(lost, OBJECTS, "a lost {}"), (found, OBJECTS, "finding {a}"), (animal, ANIMALS, "helping {a}"), (share, FOODS, "sharing {a}"),
         (learn, SKILLS, "learning to {}"), (rain, OBJECTS, "rain and {a}"), (build, BUILDS, "building {a}"), (gift, OBJECTS, "a gift, {a}"),
         (noise, ANIMALS, "a noise and {a}"), (race, OBJECTS, "a race for {a}")]


def opening(r, c):
    trait = r.choice(TRAITS)
    start = r.choice([f"Once upon a time, there was {an(trait)} {c.child} named {c.name}."] * 3
                     + [f"There once was {an(trait)} {c.child} named {c.name}.", f"{c.name} was {an(trait)} {c.child}."])
    return [start, f"{c.He} lived {r.choice(['near', 'close to'])} the {c.place}."]


def story(r, keep):
    plot, things, request = r.choice(PLOTS)
    while True:
        girl = r.random() < 0.5
        cast = Cast(r.choice(GIRLS if girl else BOYS), girl, "", r.choice(list(PLACES)), r.choice(things), r.choice(COLOURS))
        if keep(cast.name, cast.place, cast.thing):
            break
    cast.friend = r.choice([n for n in GIRLS + BOYS if n != cast.name])
    start = opening(r, cast)
    sentences, questions = plot(r, cast)
    common = [("Who is the story about?", f"The story is about {cast.name}."),
              (f"Where did {cast.name} live?", f"{cast.name} lived {start[1].split(' lived ')[1]}")]
    about = request.format(cast.thing, a=an(cast.thing))
    ask = f"Tell me a story about {an(cast.child)} named {cast.name} who lives near the {cast.place}. It is about {about}."
    return Story(" ".join(start + sentences), cast, ask, questions + common)
